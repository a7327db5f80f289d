"""What holds for every model, with every alignment that it can be built with."""

from dataclasses import dataclass

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mechanisms import ALIGNMENTS, MODELS, POSITIONS, incompatibility, state_bytes, state_tensors, traced
from mechanisms.layers.decoders import DECODERS
from mechanisms.layers.residual import NORMS

B, S, Q, D = 2, 7, 5, 12
CELLS = ("rnn", "gru", "lstm")
ENCODER_DECODERS = {"rnn_attention", "rnn_encoder_decoder", "transformer_encoder_decoder"}
HOSTS = [name for name in MODELS if "alignment" in MODELS.parts(MODELS[name])]
NORMED = ("transformer_encoder", "transformer_encoder_decoder")
LOCAL = ({"local_m": {"window": 2}}, {"local_p": {"window": 2}}, {"local_m": {"alignment": "additive", "window": 1}})


def able(host: str) -> list[str]:
    return [name for name in ALIGNMENTS if incompatibility(MODELS[host], {"alignment": ALIGNMENTS[name]}) is None]


CHOICES = [
    *(name for name in MODELS),
    {"lstm": {"layers": 2}},
    *({"rnn_encoder_decoder": {"cell": cell, "layers": 2}} for cell in CELLS),
    *({host: {"alignment": name}} for host in HOSTS for name in (*able(host), *LOCAL)),
    *({"rnn_attention": {"alignment": n, "decoder": d}} for n in able("rnn_attention") for d in list(DECODERS)[1:]),
    *({"rnn_attention": {"cell": cell, "decoder": decoder}} for cell in CELLS for decoder in DECODERS),
    *({"self_attentive_rnn": {"cell": cell}} for cell in CELLS),
    *({"transformer_encoder_decoder": {"position": position}} for position in POSITIONS),
    *({host: {"heads": 6, "key_heads": 2, "norm": norm, "layers": 3}} for host in NORMED for norm in NORMS),
    {"transformer": {"heads": 6, "key_heads": 1}},
    *({"transformer": {"window": window, "layers": 3}} for window in (1, 3, 64)),
    {"transformer": {"window": 3, "alignment": "additive", "key_heads": 1, "position": "rotary"}},
    {"transformer_encoder": {"window": 3}},
]


@pytest.fixture(params=CHOICES, ids=str)
def model(request):
    return MODELS.build(request.param, D, causal=True).double()


def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, S, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


def assert_steps_are_forward(model, source, query):
    wanted, state = model(source, query), model.start(source)
    for position in range(query.shape[1]):
        output, state = model.step(query[:, position], state)
        torch.testing.assert_close(output, wanted[:, position], rtol=1e-10, atol=1e-11)


@torch.no_grad()
def test_steps_give_what_forward_gives(model):
    source, query = sequences()
    if model.decodes:
        assert_steps_are_forward(model, source, query)
        return
    for decode in (lambda: model.start(source), lambda: model.step(query[:, 0], None)):
        with pytest.raises(ValueError, match=f"{type(model).__name__} .*cannot decode"):
            decode()


def test_a_later_query_changes_no_earlier_output(model):
    """And where every position sees every other, a later query does change the first output."""
    source, query = sequences()
    query.requires_grad_()
    output = model(source, query)
    # A plain sum would be constant after a LayerNorm.
    loss = (output * torch.randn_like(output)).sum((0, 2))
    for position in range(Q):
        (gradient,) = torch.autograd.grad(loss[position], query, retain_graph=True)
        assert gradient[:, : position + 1].any()
        if not model.bidirectional:
            assert not gradient[:, position + 1 :].any()
        elif position == 0:
            assert gradient[:, 1:].any()


def test_tracing_changes_nothing_and_weights_are_over_the_sources_positions(model):
    source, query = sequences()
    plain = model(source, query)
    with traced(model):
        torch.testing.assert_close(model(source, query), plain, rtol=1e-10, atol=1e-11)
    if "alignment" in MODELS.parts(type(model)):
        assert model.weights()
    for weights in model.weights():
        assert weights.shape[0] == B
        assert weights.shape[2] == Q
        assert weights.shape[3] == (S if type(model) in {MODELS[name] for name in ENCODER_DECODERS} else S + Q)
        assert (weights >= 0).all()
        sums = weights.sum(-1)
        if any(isinstance(part, ALIGNMENTS["local_p"]) for part in model.modules()):
            # The Gaussian factor is at most one, and something of the window is left.
            assert ((sums > 0) & (sums <= 1 + 1e-12)).all()
            assert (sums < 0.999).any()
        else:
            torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.parametrize("name", list(MODELS))
def test_an_empty_source(name):
    model = MODELS[name](D).double()
    source, query = torch.zeros(B, 0, D, dtype=torch.float64), sequences()[1]
    if name in ENCODER_DECODERS:
        with pytest.raises(ValueError, match="is an encoder-decoder and needs a source"):
            model(source, query)
        with pytest.raises(ValueError, match="is an encoder-decoder and needs a source"):
            model.start(source)
    elif model.decodes:
        with torch.no_grad():
            assert_steps_are_forward(model, source, query)
    else:
        assert model(source, query).shape == query.shape


@pytest.mark.parametrize("host", ["transformer", "transformer_encoder_decoder"])
def test_without_a_causal_mask_there_are_no_steps(host):
    model, (source, query) = MODELS[host](D, causal=False).double(), sequences()
    assert not model.decodes
    with pytest.raises(ValueError, match="causal=False answers all queries together and cannot decode"):
        model.start(source)
    query.requires_grad_()
    (gradient,) = torch.autograd.grad((model(source, query)[:, 0] * torch.randn(D)).sum(), query)
    assert gradient[:, -1].any()


def operations(model, s: int, q: int) -> int:
    """Count one row's multiplications and additions; in float64, where no library takes a whole network at once."""
    source, query = (torch.randn(1, n, D, dtype=torch.float64) for n in (s, q))
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(source, query)
    return counter.get_total_flops()


COUNTED = [
    *(name for name in (*CELLS, "rnn_encoder_decoder", "transformer", *NORMED)),
    {"lstm": {"layers": 3}},
    *({"rnn_encoder_decoder": {"cell": cell, "layers": 2}} for cell in CELLS),
    {"transformer": {"layers": 1, "heads": 3}},
    {"transformer": {"layers": 3, "heads": 6, "key_heads": 2}},
    *({"transformer": {"alignment": name}} for name in ("dot", "general", "location", "cosine")),
    {"transformer_encoder_decoder": {"layers": 3, "heads": 6, "key_heads": 2, "alignment": "general"}},
    *(
        {"rnn_attention": {"alignment": name, "decoder": decoder, "cell": cell}}
        for name in ("scaled_dot", "general")
        for decoder in DECODERS
        for cell in CELLS
    ),
]


@pytest.mark.parametrize("choice", COUNTED, ids=str)
def test_the_formula_counts_what_the_kernels_do(choice):
    model = MODELS.build(choice, D, causal=True).double()
    assert operations(model, 31, 7) == model.flops(31, 7)
    with traced(model):
        assert operations(model, 7, 31) == model.flops(7, 31)


def test_a_rectangle_that_is_filled_up_costs_what_is_filled_in():
    """The last layer of a causal Transformer computes at the queries alone, for the kernel in a square."""
    model = MODELS["transformer"](D).double()
    assert operations(model, 7, 31) == model.flops(7, 31) + 4 * 7 * (7 + 31) * D


@pytest.mark.parametrize("choices", [{"cell": "gru"}, {"cell": "rnn"}, {"cell": "lstm"}], ids=str)
@pytest.mark.parametrize("alignment", ["scaled_dot", "general"])
def test_the_formula_of_the_self_attentive_rnn(choices, alignment):
    """It counts a query at the first position too, where there is nothing to ask: W_h, and the alignment's W."""
    model = MODELS["self_attentive_rnn"](D, alignment=alignment, **choices).double()
    unasked = 2 * D * D * (2 if alignment == "general" else 1)
    with traced(model):
        assert operations(model, 23, 7) == model.flops(23, 7) - unasked


WINDOWS = [
    ({"transformer": {"window": 3, "layers": 2}}, lambda i, j: 0 <= i - j < 3),
    ({"transformer": {"window": 500}}, lambda i, j: True),
    ({"transformer_encoder": {"window": 3}}, lambda i, j: abs(i - j) < 3),
    (
        {"transformer_encoder": {"alignment": {"local_m": {"window": 2, "alignment": "additive"}}}},
        lambda i, j: abs(i - j) <= 2,
    ),
]


@pytest.mark.parametrize(("choice", "sees"), WINDOWS, ids=lambda value: str(value) if isinstance(value, dict) else None)
def test_the_formula_counts_the_keys_in_a_window(choice, sees):
    """Scores and sums of values, over what a query in the middle sees; without a causal mask, as in every formula."""
    (name, settings), n = dict(choice).popitem(), 41
    windowed = MODELS.build(choice, D)
    alignment = settings.get("alignment", {}).get("local_m", {}).get("alignment", "scaled_dot")
    whole = MODELS[name](D, alignment=alignment, layers=windowed.layers)
    seen = sum(sees(20, j) for j in range(n))
    pair = windowed.stack.blocks[0].mixer.attention.alignment.pair_flops * windowed.heads + 2 * D
    queries = n * (windowed.layers - 1) + 10
    assert whole.flops(31, 10) - windowed.flops(31, 10) == queries * (n - seen) * pair


@pytest.mark.parametrize(("name", "ahead"), [("transformer", 0), ("transformer_encoder", 63)])
def test_the_formula_of_a_window_is_what_is_counted_but_for_the_blocks(name, ahead):
    """The kernel takes 256 queries at a time, with all keys that at least one of them sees."""
    model, n, span = MODELS[name](D, window=64, layers=2).double(), 2048, 64 + ahead
    surplus = 0
    for first in (0, 1024):  # the first layer, and the last one, at the queries alone
        for start in range(first, n, 256):
            keys = min(n, start + 256 + ahead) - max(0, start - 63)
            surplus += 256 * (keys - span)
    assert operations(model, 1024, 1024) == model.flops(1024, 1024) + 4 * D * surplus


@pytest.mark.parametrize("window", [1, 5, 90])
def test_the_formula_of_local_attention_in_recurrent_networks(window):
    """Pairs in the window: of a position and an earlier one, or of a query and an annotation."""
    n = 17
    pairs = {
        "self_attentive_rnn": sum(0 < i - j <= window for i in range(n) for j in range(n)),
        "rnn_attention": 7 * min(2 * window + 1, 10),
    }
    every = {"self_attentive_rnn": n * (n - 1) // 2, "rnn_attention": 7 * 10}
    for name in pairs:
        local = MODELS[name](D, cell="gru", alignment={"local_m": {"window": window, "alignment": "dot"}})
        whole = MODELS[name](D, cell="gru", alignment="dot")
        assert whole.flops(10, 7) - local.flops(10, 7) == (every[name] - pairs[name]) * (2 * D + 2 * D)


def test_models_without_attention_have_no_weights():
    model = MODELS["lstm"](D).double()
    with traced(model):
        model(*sequences())
    assert model.weights() == []


@pytest.mark.parametrize("name", list(MODELS))
@torch.no_grad()
def test_a_model_declares_what_it_is(name):
    kind = MODELS[name]
    assert kind.family
    assert kind.sees_all(MODELS.spec(name).settings) == kind.bidirectional
    model = kind(D)
    if model.decodes:
        short, long = (state_bytes(model.start(torch.randn(B, n, D))) for n in (7, 61))
        assert (long > short) == kind.state_grows
    else:
        assert not kind.state_grows


@dataclass
class Nested:
    first: torch.Tensor
    rest: tuple
    count: int


def test_state_tensors_finds_every_tensor():
    a, b, c = (torch.zeros(n) for n in (2, 3, 5))
    state = [Nested(a, (b, 7), 1), {"c": c}, None]
    assert [tensor.numel() for tensor in state_tensors(state)] == [2, 3, 5]
    assert list(state_tensors(None)) == []


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_is_in_a_state_twice_counts_once(device):
    whole = torch.zeros(2, 6, device=device)
    assert state_bytes((whole, [whole])) == 4 * 12
    assert state_bytes((whole[0], whole[1], torch.zeros(2, 6, device=device))) == 4 * (6 + 6 + 12), "not the same"


@pytest.mark.parametrize(("alignment", "copies"), [("dot", 1), ("general", 1), ("additive", 2), ("location", 2)])
def test_keys_that_are_the_values_count_once(alignment, copies):
    """Annotations of width D, and a decoder's state; additive projects keys of its own, dot and general do not."""
    model = MODELS["rnn_attention"](D, alignment=alignment)
    with torch.no_grad():
        assert state_bytes(model.start(torch.randn(B, 67, D))) == 4 * B * D * (67 * copies + 1)


def test_a_window_bounds_the_state():
    """The cache of a windowed Transformer does not grow with the source."""
    model = MODELS["transformer"](D, window=5, layers=1).double()
    sizes = set()
    with torch.no_grad():
        for s in (7, 67):
            state = model.start(torch.randn(B, s, D, dtype=torch.float64))
            for _ in range(23):
                _, state = model.step(torch.randn(B, D, dtype=torch.float64), state)
                sizes.add(sum(tensor.numel() for tensor in state_tensors(state)))
    assert sizes == {2 * B * D * 5}
