import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, CAUSAL, FULL, MODELS, state_tensors, traced

B, S, Q, D, H = 2, 7, 5, 12, 3


def sequences(s: int = S) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, s, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


def by_the_book(model, source, query):
    """Every layer at every position, and the answers cut out at the end."""
    x = torch.cat([source, query], 1)
    x = model.position.embed(x, torch.arange(x.shape[1]))
    for block in model.blocks:
        normed = block.norm_1(x)
        x = x + block.attention(normed, normed, CAUSAL if model.causal else FULL)
        x = x + block.feed_forward(block.norm_2(x))
    return model.norm(x)[:, source.shape[1] :]


@pytest.mark.parametrize("s", [0, S])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_the_last_layer_at_the_queries_alone_is_the_whole_computation(name, causal, s):
    model = MODELS["transformer"](D, causal=causal, layers=3, heads=H, alignment=name).double()
    source, query = sequences(s)
    got, wanted = model(source, query), by_the_book(model, source, query)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    direction = torch.randn_like(got)
    pair = [torch.autograd.grad((x * direction).sum(), list(model.parameters())) for x in (got, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_a_block_is_torchs_encoder_layer():
    block = MODELS["transformer"](D, heads=H, layers=1).double().blocks[0]
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    theirs = nn.TransformerEncoderLayer(
        D, H, 4 * D, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    maps = block.attention
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(torch.cat([maps.W_q.weight, maps.W_k.weight, maps.W_v.weight]))
        theirs.self_attn.in_proj_bias.copy_(torch.cat([maps.W_q.bias, torch.zeros(D), maps.W_v.bias]))
    for mine, other in (
        (maps.W_o, theirs.self_attn.out_proj),
        (block.feed_forward[0], theirs.linear1),
        (block.feed_forward[2], theirs.linear2),
        (block.norm_1, theirs.norm1),
        (block.norm_2, theirs.norm2),
    ):
        other.load_state_dict(mine.state_dict())
    x = torch.randn(B, S, D, dtype=torch.float64, requires_grad=True)
    hidden = torch.ones(S, S, dtype=torch.bool).triu(1)
    got, wanted = block(x, 0, CAUSAL), theirs(x, src_mask=hidden)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    direction = torch.randn_like(got)
    a, b = (torch.autograd.grad((y * direction).sum(), x)[0] for y in (got, wanted))
    torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_weights_are_those_of_the_queries():
    model = MODELS["transformer"](D, heads=H).double()
    with traced(model):
        model(*sequences())
    layers = model.weights()
    assert [weights.shape for weights in layers] == [(B, H, Q, S + Q)] * 2
    future = torch.ones(Q, S + Q, dtype=torch.bool).triu(S + 1)
    for weights in layers:
        assert not weights[..., future].any()
        assert weights[..., ~future].all()


def test_the_cache_grows_by_doubling_and_counts_what_is_in_use():
    model = MODELS["transformer"](D, heads=H, layers=1).double()
    source, query = sequences()
    with torch.no_grad():
        state = model.start(source)
        buffers = set()
        for _ in range(40):
            _, state = model.step(query[:, 0], state)
            buffers.add(state[0]._keys.data_ptr())
            in_use = sum(tensor.numel() for tensor in state_tensors(state))
            assert in_use == 2 * B * D * state[0].length
    assert state[0].length == S + 40
    assert len(buffers) <= 3


def test_without_a_causal_mask_every_position_is_seen():
    model = MODELS["transformer"](D, heads=H, causal=False).double()
    source, query = sequences()
    other = query.clone()
    other[:, -1] = torch.randn(B, D)
    assert ((model(source, other) - model(source, query)).abs().amax(2) > 1e-6).all()
    with pytest.raises(ValueError, match="causal=False answers all queries together"):
        model.start(source)


def test_mistakes_get_their_sentence():
    with pytest.raises(ValueError, match="width 12 cannot be split into 5 heads"):
        MODELS["transformer"](D, heads=5)
    with pytest.raises(ValueError, match="layers must be at least 1, got 0"):
        MODELS["transformer"](D, layers=0)
