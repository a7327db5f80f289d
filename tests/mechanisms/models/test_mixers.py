"""Every mixer against its paper's recurrence, one position at a time, and the block around it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from mechanisms import MODELS, state_tensors
from mechanisms.layers import selective_scan
from mechanisms.models import gated_delta, gated_linear_attention, linear_attention
from mechanisms.models.gated_delta import GatedDeltaMixer
from mechanisms.models.gated_linear_attention import GatedLinearAttentionMixer
from mechanisms.models.linear_attention import LinearAttentionMixer
from mechanisms.models.mamba import MambaMixer
from mechanisms.models.min_gru import MinGRUMixer

B, D, H = 2, 12, 3
LENGTHS = (1, 5, 37, 61)
MIXERS = {
    "linear_attention": lambda: LinearAttentionMixer(D, H),
    "gated_linear_attention": lambda: GatedLinearAttentionMixer(D, H),
    "gated_delta": lambda: GatedDeltaMixer(D, H),
    "mamba": lambda: MambaMixer(D, 5, 3),
    "min_gru": lambda: MinGRUMixer(D, forget_bias=1.0),
}
NAMES = list(MIXERS)


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    """Let short sequences have many chunks."""
    monkeypatch.setattr(linear_attention, "CHUNK", 7)
    monkeypatch.setattr(gated_linear_attention, "CHUNK", 7)
    monkeypatch.setattr(gated_delta, "CHUNK", 11)
    monkeypatch.setattr(selective_scan, "SEGMENT", 13)
    monkeypatch.setattr(selective_scan, "SEGMENT_NUMBERS", 1)


def heads(x, count=H):
    return x.reshape(x.shape[0], count, -1)


def loop_linear_attention(m, xs):
    s = z = 0
    for x in xs:
        q, k, v = (heads(w(x)) for w in (m.W_q, m.W_k, m.W_v))
        q, k = (torch.where(part > 0, part + 1, part.exp()) for part in (q, k))
        s = s + torch.einsum("bhk,bhv->bhkv", k, v)
        z = z + k
        numerator, denominator = torch.einsum("bhk,bhkv->bhv", q, s), (q * z).sum(-1, keepdim=True)
        yield m.W_o((numerator / (denominator + 1e-6)).flatten(1))


def loop_gated_linear_attention(m, xs):
    s = 0
    for x in xs:
        q, k, v = (heads(w(x)) for w in (m.W_q, m.W_k, m.W_v))
        alpha = heads(m.decay[1](m.decay[0](x)).sigmoid() ** (1 / 16))
        s = alpha[..., None] * s + torch.einsum("bhk,bhv->bhkv", k, v)
        o = torch.einsum("bhk,bhkv->bhv", q, s) / k.shape[-1] ** 0.5
        centred = o - o.mean(-1, keepdim=True)
        normed = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * m.norm.weight + m.norm.bias
        r = m.W_r(x)
        yield m.W_o(r * r.sigmoid() * normed.flatten(1))


def causal_convolution(module, inputs, t):
    size = module.weight.shape[0]
    y = 0 if module.bias is None else module.bias
    for j in range(size):
        if t - size + 1 + j >= 0:
            y = y + module.weight[j] * inputs[t - size + 1 + j]
    return y


def loop_gated_delta(m, xs):
    s, inputs = torch.zeros(B, H, D // H, D // H, dtype=torch.float64), []
    for t, x in enumerate(xs):
        inputs.append(torch.cat([w(x) for w in m.W_qkv], -1))
        q, k, v = (heads(part) for part in F.silu(causal_convolution(m.convolution, inputs, t)).chunk(3, -1))
        q, k = q / q.norm(dim=-1, keepdim=True), k / k.norm(dim=-1, keepdim=True)
        alpha = (-m.rate.exp() * (1 + (m.W_alpha(x) + m.bias).exp()).log()).exp()[..., None, None]
        beta = m.W_beta(x).sigmoid()[..., None, None]
        kk, vk = torch.einsum("bhi,bhj->bhij", k, k), torch.einsum("bhi,bhj->bhij", v, k)
        s = alpha * s @ (torch.eye(D // H, dtype=torch.float64) - beta * kk) + beta * vk
        o = torch.einsum("bhij,bhj->bhi", s, q) / k.shape[-1] ** 0.5
        normed = o / (o.square().mean(-1, keepdim=True) + 1e-5).sqrt() * m.norm.weight
        yield m.W_o(normed.flatten(1) * F.silu(m.W_g(x)))


def loop_mamba(m, xs):
    h, inputs = 0, []
    for t, x in enumerate(xs):
        u, z = m.W_in(x).chunk(2, -1)
        inputs.append(u)
        u = F.silu(causal_convolution(m.convolution, inputs, t))
        low, b, c = m.W_x(u).split([m.rank, 5, 5], -1)
        delta = (1 + m.W_delta(low).exp()).log()
        a_bar = torch.einsum("be,se->bes", delta, -m.log_A.exp()).exp()
        h = a_bar * h + torch.einsum("be,bs,be->bes", delta, b, u)
        y = torch.einsum("bes,bs->be", h, c) + m.D * u
        yield m.W_o(y * F.silu(z))


def loop_min_gru(m, xs):
    h = 0
    for x in xs:
        z = m.W_z(x).sigmoid()
        h = (1 - z) * h + z * m.W_h(x)
        yield h


LOOPS = {name: globals()[f"loop_{name}"] for name in NAMES}


def mixer(name: str) -> nn.Module:
    """One whose every parameter differs from its neighbours, biases and norms too."""
    made = MIXERS[name]().double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.mark.reference("model", *NAMES)
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", NAMES)
def test_outputs_and_gradients_are_those_of_the_papers_recurrence(name, n):
    m = mixer(name)
    x = torch.randn(B, n, D, dtype=torch.float64, requires_grad=True)
    got, wanted = m(x), torch.stack(list(LOOPS[name](m, x.unbind(1))), 1)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-11)
    direction = torch.randn_like(got)
    named = {"x": x, **dict(m.named_parameters())}
    pair = [torch.autograd.grad((y * direction).sum(), list(named.values()), allow_unused=True) for y in (got, wanted)]
    for key, a, b in zip(named, *pair, strict=True):
        assert b is not None, key
        assert n == 1 or b.any(), key
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10, msg=lambda text, key=key: f"{key}: {text}")


@pytest.mark.parametrize("n", [0, 1, 2, 37])
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_steps_read_on_from_what_prefill_returns(name, n):
    m, x = mixer(name), torch.randn(B, n + 23, D, dtype=torch.float64)
    wanted = m(x)
    first, state = m.prefill(x[:, :n])
    assert first.shape == (B, n, D)
    torch.testing.assert_close(first, wanted[:, :n], rtol=1e-10, atol=1e-12)
    size = sum(part.numel() for part in state_tensors(state))
    for t in range(n, n + 23):
        output, state = m.step(x[:, t], state)
        torch.testing.assert_close(output, wanted[:, t], rtol=1e-10, atol=1e-12)
        assert sum(part.numel() for part in state_tensors(state)) == size


@pytest.mark.parametrize("name", NAMES)
def test_no_gradient_reaches_a_later_position(name):
    m, x = mixer(name), torch.randn(B, 29, D, dtype=torch.float64, requires_grad=True)
    loss = (m(x) * torch.randn(B, 29, D)).sum((0, 2))
    for t in (0, 6, 7, 13, 28):
        (gradient,) = torch.autograd.grad(loss[t], x, retain_graph=True)
        assert not gradient[:, t + 1 :].any()
        assert gradient[:, : t + 1].any(-1).all()


def extreme(name: str, sign: int) -> nn.Module:
    """A mixer that forgets everything (+1) or nothing (-1), as far as its numbers go."""
    m = MIXERS[name]()
    with torch.no_grad():
        if name == "gated_linear_attention":
            m.decay[1].bias.fill_(-3e4 * sign)
        elif name == "gated_delta":
            m.rate.fill_(10.0 * sign)
            m.bias.fill_(30.0 * sign)
        elif name == "mamba":
            m.W_delta.bias.fill_(80.0 * sign)
        else:
            m.W_z.bias.fill_(200.0 * sign)
    return m


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", NAMES[1:])
def test_extreme_decays_stay_finite_and_equal_to_the_steps(name, sign):
    m = extreme(name, sign)
    x = torch.randn(B, 37, D, requires_grad=True)
    got = m(x)
    gradients = torch.autograd.grad((got * torch.randn_like(got)).sum(), [x, *m.parameters()])
    assert all(part.isfinite().all() for part in (got, *gradients))
    with torch.no_grad():
        _, state = m.prefill(x[:, :0])
        for t in range(37):
            output, state = m.step(x[:, t], state)
            torch.testing.assert_close(output, got[:, t], rtol=1e-4, atol=1e-5)


def test_linear_attention_without_any_score_divides_by_no_zero():
    m = MIXERS["linear_attention"]()
    nn.init.constant_(m.W_q.bias, -200)
    nn.init.constant_(m.W_k.bias, -200)
    x = torch.randn(B, 9, D, requires_grad=True)
    m(x).sum().backward()
    assert m(x).isfinite().all()
    assert x.grad.isfinite().all()


def identity(*linears: nn.Linear) -> None:
    for linear in linears:
        nn.init.eye_(linear.weight)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)


def test_linear_attention_by_hand():
    m = LinearAttentionMixer(1, 1)
    identity(m.W_q, m.W_k, m.W_v, m.W_o)
    y = m(torch.tensor([[[0.0], [1.0], [3.0]]]))
    # φ(k) = 1, 2, 4 and v = 0, 1, 3; a single q cancels.
    torch.testing.assert_close(y.flatten(), torch.tensor([0.0, 2 / 3, 14 / 7]), rtol=1e-5, atol=1e-5)


def test_gated_linear_attention_by_hand():
    one, decay = torch.ones(1, 1, 1, 3, 1), torch.tensor([0.5, 0.25, 0.5]).log().cumsum(0).view(1, 1, 1, 3, 1)
    scores = gated_linear_attention._pairs(one, one, decay)
    torch.testing.assert_close(scores[0, 0, 0], torch.tensor([[1, 0, 0], [0.25, 1, 0], [0.125, 0.5, 1]]))


def test_the_delta_rule_writes_over_and_forgets_by_hand():
    keys = torch.eye(2)[[0, 0, 1]].view(1, 1, 1, 3, 2)
    values = torch.tensor([[3.0, 1.0], [5.0, 2.0], [7.0, 7.0]]).view(1, 1, 1, 3, 2)
    queries = torch.eye(2)[[0, 0, 0]].view(1, 1, 1, 3, 2)
    alpha, beta = torch.tensor([1.0, 1.0, 0.5]).view(1, 1, 1, 3, 1), torch.ones(1, 1, 1, 3, 1)
    read, state = gated_delta._chunked(queries, keys, values, alpha.log(), beta)
    assert read.view(3, 2).tolist() == [[3, 1], [5, 2], [2.5, 1]]
    assert state.view(2, 2).tolist() == [[2.5, 1], [7, 7]]
    half, _ = gated_delta._chunked(queries, keys, values, alpha.log(), beta / 2)
    assert half.view(3, 2).tolist() == [[1.5, 0.5], [3.25, 1.25], [1.625, 0.625]]


def test_min_gru_by_hand():
    m = MinGRUMixer(1, forget_bias=0.0)
    identity(m.W_h)
    nn.init.zeros_(m.W_z.weight)
    assert m(torch.tensor([[[8.0], [4.0], [0.0]]])).flatten().tolist() == [4, 4, 2]


def test_initial_gates_are_the_papers():
    delta = F.softplus(MIXERS["mamba"]().W_delta.bias)
    decay = F.softplus(MIXERS["gated_delta"]().bias)
    for steps in (delta, decay):
        assert 0.999e-3 < steps.min() < steps.max() < 1.001e-1
    assert (MIXERS["mamba"]().log_A.exp().T - torch.arange(1, 6)).abs().max() < 1e-5
    rates = torch.cat([MIXERS["gated_delta"]().rate for _ in range(40)]).exp()
    assert 1 <= rates.min() < 3
    assert 14 < rates.max() <= 16


def by_the_book(model, source, query):
    """Every block at every position, and the answers cut out at the end."""
    x = model.embed_positions(torch.cat([source, query], 1), 0)
    for block in model.blocks:
        x = x + block.mixer(block.residual_1.norm(x))
        x = x + block.feed_forward(block.residual_2.norm(x))
    return model.norm(x)[:, source.shape[1] :]


@pytest.mark.parametrize("s", [0, 17])
@pytest.mark.parametrize("name", NAMES)
def test_model_is_its_blocks_and_steps_are_forward(name, s):
    model = MODELS[name](D, layers=3, expansion=2.0).double()
    source, query = (torch.randn(B, n, D, dtype=torch.float64) for n in (s, 13))
    got, wanted = model(source, query), by_the_book(model, source, query)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    direction = torch.randn_like(got)
    pair = [torch.autograd.grad((x * direction).sum(), list(model.parameters())) for x in (got, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)
    with torch.no_grad():
        state = model.start(source)
        for t in range(13):
            output, state = model.step(query[:, t], state)
            torch.testing.assert_close(output, got[:, t], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("s", "q"), [(15, 7), (0, 3), (70, 70)])
@pytest.mark.parametrize("name", NAMES)
def test_flops_are_those_that_torch_counts(name, s, q, monkeypatch):
    monkeypatch.setattr(gated_delta, "CHUNK", 64)
    model = MODELS[name](D)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randn(1, s, D), torch.randn(1, q, D))
    assert model.flops(s, q) == counter.get_total_flops()
    assert model.complexity


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_finite_and_close(name):
    model = MODELS[name](D)
    source, query = torch.randn(B, 40, D), torch.randn(B, 9, D)
    wanted = model(source, query)
    half = model.bfloat16()
    got = half(source.bfloat16(), query.bfloat16())
    assert got.dtype == torch.bfloat16
    # On average: where a head reads next to nothing, its norm makes as much of the rounding as of the reading.
    assert (got.float() - wanted).abs().mean() < 0.03
    got.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in half.parameters())
    output, _ = half.step(query[:, 0].bfloat16(), half.start(source.bfloat16()))
    assert output.dtype == torch.bfloat16
    assert (output.float() - wanted[:, 0]).abs().mean() < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_a_model_without_storage(name):
    with torch.device("meta"):
        model = MODELS[name](D)
        assert model(torch.randn(B, 20, D), torch.randn(B, 3, D)).is_meta
    assert all(parameter.is_meta for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_mistakes_get_their_sentence(name):
    model = MODELS[name]
    with pytest.raises(ValueError, match="layers must be at least 1, not 0"):
        model(D, layers=0)
    with pytest.raises(ValueError, match=r"expansion must be at least 1, not 0\.0"):
        model(D, expansion=0.0)
    with pytest.raises(ValueError, match="cannot run with causal=False"):
        model(D, causal=False)
    if name in ("linear_attention", "gated_linear_attention", "gated_delta"):
        for count in (5, 0):
            with pytest.raises(ValueError, match=f"width {D} cannot be split into {count} heads"):
                model(D, heads=count)


def test_mistakes_of_one_mixer():
    with pytest.raises(ValueError, match="must be even, not 3"):
        MODELS["gated_linear_attention"](6, heads=2)
    with pytest.raises(ValueError, match="state must be at least 1, not 0"):
        MODELS["mamba"](D, state=0)


def test_linear_attention_marks_order_at_the_embeddings_alone():
    source, query = torch.randn(B, 7, D), torch.randn(B, 3, D)
    model = MODELS["linear_attention"](D, layers=1, position="none")
    torch.testing.assert_close(model(source.flip(1), query), model(source, query))
    model = MODELS["linear_attention"](D, layers=1)
    assert (model(source.flip(1), query) - model(source, query)).abs().max() > 1e-3
