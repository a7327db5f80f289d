import pytest
import torch
from torch import nn

from mechanisms import (
    ALIGNMENTS,
    CAUSAL,
    FULL,
    MODELS,
    POSITIONS,
    Mask,
    MultiHeadAttention,
    sliding,
    state_tensors,
    traced,
)
from registry import SpecError
from tests.mechanisms.layers.test_blocks import parts
from tests.mechanisms.torchs import copy_attention

B, S, Q, D, H = 2, 7, 5, 12, 3


def sequences(s: int = S) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, s, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


def by_the_book(model, source, query):
    """Every layer at every position, and the answers cut out at the end."""
    x = torch.cat([source, query], 1)
    x = model.stack.position.embed(x, torch.arange(x.shape[1]))
    for block in model.stack.blocks:
        normed = block.residual_1.norm(x)
        x = x + block.mixer(normed, normed, CAUSAL if model.causal else FULL)
        x = x + block.feed_forward(block.residual_2.norm(x))
    return model.stack.norm(x)[:, source.shape[1] :]


@pytest.mark.parametrize("s", [0, S])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", [n for n in ALIGNMENTS if not ALIGNMENTS[n].needs_history])
def test_the_last_layer_at_the_queries_alone_is_the_whole_computation(name, causal, s):
    model = MODELS["transformer"](D, causal=causal, layers=3, heads=H, alignment=name).double()
    source, query = sequences(s)
    got, wanted = model(source, query), by_the_book(model, source, query)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    direction = torch.randn_like(got)
    pair = [torch.autograd.grad((x * direction).sum(), list(model.parameters())) for x in (got, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.reference("model", "transformer", "transformer_encoder")
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("name", ["transformer", "transformer_encoder"])
def test_a_stream_transformer_is_torchs_layers_over_the_whole_sequence(name, norm):
    model = MODELS[name](D, heads=H, norm=norm, position="none").double()
    source, query = sequences()
    x = torch.cat([source, query], 1)
    future = torch.ones(S + Q, S + Q, dtype=torch.bool).triu(1) if name == "transformer" else None
    for block in model.stack.blocks:
        layer = nn.TransformerEncoderLayer(
            D, H, 4 * D, 0.0, "gelu", batch_first=True, norm_first=norm == "pre", dtype=torch.float64
        )
        copy_attention(block.mixer, layer.self_attn)
        for ours, theirs in parts(block, layer):
            theirs.load_state_dict(ours.state_dict())
        x = layer(x, src_mask=future)
    wanted = nn.functional.layer_norm(x, (D,)) if norm == "pre" else x
    torch.testing.assert_close(model(source, query), wanted[:, S:], rtol=1e-11, atol=1e-12)


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


@pytest.mark.parametrize("position", list(POSITIONS))
@pytest.mark.parametrize("window", [1, 3, 64])
def test_a_window_is_a_band(window, position):
    """Against the same weights under a mask written out by hand, in training and in decoding."""
    model = MODELS["transformer"](D, heads=H, window=window, position=position, layers=2).double()
    source, query = sequences()
    n = S + Q
    band = torch.tensor([[0 <= i - j < window for j in range(n)] for i in range(n)])
    x = model.stack.position.embed_from(torch.cat([source, query], 1))
    for block in model.stack.blocks:
        x = by_hand(block, x, band)
    wanted = model.stack.norm(x)[:, S:]
    torch.testing.assert_close(model(source, query), wanted, rtol=1e-10, atol=1e-11)
    with torch.no_grad():
        state = model.start(source)
        for t in range(Q):
            output, state = model.step(query[:, t], state)
            torch.testing.assert_close(output, wanted[:, t], rtol=1e-10, atol=1e-11)
    assert state[0].keys.shape[2] == min(window, n)


def by_hand(block, x, allowed):
    """One pre-norm block with everything spelt out, under a dense mask."""
    attention, given = block.mixer, block.residual_1.norm(x)
    position, at = attention.attention.position, torch.arange(x.shape[1])
    q, k, v = (
        linear(given).unflatten(2, (H, D // H)).transpose(1, 2)
        for linear in (attention.W_q, attention.W_k, attention.W_v)
    )
    scores = position.rotate(q, at) @ position.rotate(k, at).transpose(2, 3) / (D // H) ** 0.5
    bias = position.bias(at, at)
    scores = scores if bias is None else scores + bias
    context = scores.masked_fill(~allowed, -torch.inf).softmax(-1) @ v
    y = x + attention.W_o(context.transpose(1, 2).flatten(2))
    return y + block.feed_forward(block.residual_2.norm(y))


@pytest.mark.parametrize("name", [n for n in ALIGNMENTS if not ALIGNMENTS[n].needs_history])
@pytest.mark.parametrize("key_heads", [1, 2])
def test_grouped_heads_are_repeated_keys(key_heads, name):
    """A grouped-query layer is a full one in which the heads of a group have the same keys, values and scores."""
    grouped = MultiHeadAttention(8, 4, name, key_heads=key_heads).double()
    full = MultiHeadAttention(8, 4, name).double()
    shared = 4 // key_heads
    state = {}
    for key, value in grouped.state_dict().items():
        if key.startswith(("W_k", "W_v")):
            value = value.unflatten(0, (key_heads, 2)).repeat_interleave(shared, 0).flatten(0, 1)
        elif key.startswith("attention.alignment"):
            value = value.repeat_interleave(shared, 0)
        state[key] = value
    full.load_state_dict(state)
    source, query = torch.randn(B, 7, 8, dtype=torch.float64), torch.randn(B, 5, 8, dtype=torch.float64)
    for mask in (FULL, CAUSAL, sliding(3)):
        torch.testing.assert_close(grouped(query, source, mask), full(query, source, mask), rtol=1e-11, atol=1e-12)
        grouped.attention.plain_bytes, grouped.attention.block_bytes = 0, 1
        torch.testing.assert_close(grouped(query, source, mask), full(query, source, mask), rtol=1e-11, atol=1e-12)
        with traced(grouped):
            torch.testing.assert_close(grouped(query, source, mask), full(query, source, mask), rtol=1e-11, atol=1e-12)
    assert grouped.attention.weights.shape == (B, 4, 5, 7)
    keys, values = grouped.project(source)
    assert keys.shape[1] == values.shape[1] == key_heads, "the cache holds the shared heads alone"


def test_the_cache_grows_by_doubling_and_counts_what_is_in_use():
    model = MODELS["transformer"](D, heads=H, layers=1).double()
    source, query = sequences()
    with torch.no_grad():
        state = model.start(source)
        buffers = set()
        for _ in range(40):
            _, state = model.step(query[:, 0], state)
            buffers.add(state[0].keys.data_ptr())
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
    with pytest.raises(ValueError, match="layers must be at least 1, not 0"):
        MODELS["transformer"](D, layers=0)
    with pytest.raises(ValueError, match="3 heads cannot share 2 key heads"):
        MODELS["transformer"](D, heads=3, key_heads=2)
    with pytest.raises(ValueError, match="window must be at least 1, the query's own position, not 0"):
        MODELS["transformer"](D, heads=3, window=0)
    with pytest.raises(SpecError, match=r"unknown norm 'prae'\. Did you mean 'pre'"):
        MODELS["transformer_encoder"](D, norm="prae")
    with pytest.raises(ValueError, match="is an encoder-decoder and needs a source"):
        MODELS["transformer_encoder_decoder"](D)(torch.zeros(B, 0, D), torch.zeros(B, Q, D))
    with pytest.raises(ValueError, match="max_length = 3 positions, and the sequence has 12"):
        MODELS["transformer"](D, position={"learned": {"max_length": 3}})(torch.zeros(B, S, D), torch.zeros(B, Q, D))


@pytest.mark.reference("model", "transformer_encoder_decoder")
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("causal", [True, False])
def test_encoder_decoder_is_the_book(causal, norm):
    """Stack by stack with nothing left out; the layers themselves are held against torch's elsewhere."""
    model = MODELS["transformer_encoder_decoder"](D, heads=H, norm=norm, causal=causal).double()
    source, query = sequences()
    h = model.encoder.position.embed(source, torch.arange(S))
    for block in model.encoder.blocks:
        h = block(h, 0, FULL)
    h = model.encoder.norm(h)
    y = model.decoder.position.embed(query, torch.arange(Q))
    for block in model.decoder.blocks:
        y = block(y, 0, CAUSAL if causal else FULL, (*block.cross.project(h), Mask(offset=0)))
    torch.testing.assert_close(model(source, query), model.decoder.norm(y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_the_encoder_sees_everything(norm):
    model = MODELS["transformer_encoder"](D, heads=H, norm=norm).double()
    source, query = sequences()
    query.requires_grad_()
    (gradient,) = torch.autograd.grad((model(source, query)[:, 0] * torch.randn(D)).sum(), query)
    assert gradient[:, -1].any(), "the first answer depends on the last query"
    assert not model.decodes
    with pytest.raises(ValueError, match="TransformerEncoder answers all queries together"):
        model.start(source)
