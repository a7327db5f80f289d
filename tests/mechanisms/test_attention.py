"""The three paths agree, in outputs and gradients, under every mask."""

import pytest
import torch

from mechanisms import ALIGNMENTS, CAUSAL, FULL, NORMALIZERS, Attention, Mask, padding, traced
from mechanisms.alignments import InnerProduct

B, H, D, DV = 2, 3, 5, 11
MASKS = ["full", "causal", "padding", "both", "blind"]


def mask_of(name: str, k: int) -> Mask:
    lengths = torch.tensor([0 if name == "blind" else k - 2, k])
    keys = padding(lengths, k).keys
    return {"full": FULL, "causal": CAUSAL, "padding": Mask(keys=keys)}.get(name, Mask(True, keys))


def attention_of(name: str) -> Attention:
    return Attention(ALIGNMENTS[name](H, D, D), NORMALIZERS["softmax"]()).double()


def sequences(q: int, k: int) -> tuple[torch.Tensor, ...]:
    return tuple(torch.randn(B, H, n, d, dtype=torch.float64) for n, d in ((q, D), (k, D), (k, DV)))


def read(attention, sequences, mask):
    leaves = [x.clone().requires_grad_() for x in sequences]
    query, key, value = leaves
    context = attention(query, attention.project_keys(key), value, mask)
    direction = torch.linspace(-1, 1, context.numel(), dtype=context.dtype).view_as(context)
    gradients = torch.autograd.grad(
        (context * direction).sum(), [*leaves, *attention.parameters()], allow_unused=True, materialize_grads=True
    )
    return context, *gradients


def by_loops(attention, sequences, mask):
    """Scores by the alignment, everything else query by query."""
    query, key, value = sequences
    alignment, (q, k) = attention.alignment, (query.shape[2], key.shape[2])
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(k)))
    context = torch.zeros(B, H, q, DV, dtype=torch.float64)
    for b in range(B):
        for i in range(q):
            seen = [
                j for j in range(k) if (not mask.causal or j <= i + k - q) and (mask.keys is None or mask.keys[b, j])
            ]
            if seen:
                powers = scores[b, :, i, seen].exp()
                weights = powers / powers.sum(-1, keepdim=True)
                context[b, :, i] = torch.einsum("hk,hkd->hd", weights, value[b][:, seen])
    return context


@pytest.mark.parametrize("mask_name", MASKS)
@pytest.mark.parametrize(("q", "k"), [(7, 7), (5, 7), (3, 7), (7, 3), (1, 7)])
@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_paths_agree(name, q, k, mask_name):
    attention, given, mask = attention_of(name), sequences(q, k), mask_of(mask_name, k)
    inner = isinstance(attention.alignment, InnerProduct)
    with traced(attention):
        plain = read(attention, given, mask)
        assert attention.path == "plain"
    attention.plain_bytes, attention.block_bytes = 0, 2 * B * H * k * D * 8
    fast = read(attention, given, mask)
    assert attention.path == ("fused" if inner else "streamed")
    for got, wanted in zip(fast, plain, strict=True):
        assert got.isfinite().all()
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(plain[0], by_loops(attention, given, mask), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_a_query_that_sees_nothing_reads_zero(name):
    attention, given, mask = attention_of(name), sequences(5, 7), mask_of("blind", 7)
    for context, *gradients in (read(attention, given, mask), read_traced(attention, given, mask)):
        assert not context[0].any()
        assert context[1].any()
        assert not any(gradient[0].any() for gradient in gradients[:3])


def read_traced(attention, given, mask):
    with traced(attention):
        return read(attention, given, mask)


@pytest.mark.parametrize("name", list(ALIGNMENTS))
def test_masked_keys_have_weight_zero_and_no_gradient(name):
    attention, given, mask = attention_of(name), sequences(5, 7), mask_of("both", 7)
    _, _, key, value, *_ = read_traced(attention, given, mask)
    dense = mask.dense(5, 7, torch.device("cpu")).expand(B, H, 5, 7)
    assert not attention.weights[~dense].any()
    assert attention.weights[dense].all()
    torch.testing.assert_close(attention.weights.sum(-1), torch.ones(B, H, 5, dtype=torch.float64))
    assert not key[0, :, 5:].any()
    assert not value[0, :, 5:].any()
    assert value[0, :, :5].any()


def test_small_intermediates_are_kept_whole_and_large_ones_streamed():
    attention, (query, key, value) = attention_of("additive"), sequences(5, 7)
    attention(query, attention.project_keys(key), value)
    assert attention.path == "plain"
    attention.plain_bytes = B * H * 5 * 7 * D * 8 - 1
    attention(query, attention.project_keys(key), value)
    assert attention.path == "streamed"


class Doubled(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return 2 * super().forward(scores, mask)


class Shifted(ALIGNMENTS["dot"]):
    def score(self, query, key):
        return super().score(query, key).square()


@pytest.mark.parametrize(("alignment", "normalizer"), [(ALIGNMENTS["dot"], Doubled), (Shifted, NORMALIZERS["softmax"])])
def test_what_only_resembles_an_inner_product_under_softmax_is_not_fused(alignment, normalizer):
    attention = Attention(alignment(H, D, D), normalizer()).double()
    given = sequences(5, 7)
    plain = read(attention, given, CAUSAL)
    assert attention.path == "plain"
    attention.plain_bytes, attention.block_bytes = 0, 1
    streamed = read(attention, given, CAUSAL)
    assert attention.path == "streamed"
    for got, wanted in zip(streamed, plain, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("q", "block_bytes", "dense"), [(7, 2**20, False), (5, 2**20, False), (3, 2**20, True), (3, 1, False)]
)
def test_a_causal_rectangle_is_written_out_only_where_it_is_small(q, block_bytes, dense, monkeypatch):
    attention, given = attention_of("dot"), sequences(q, 7)
    wanted = read_traced(attention, given, CAUSAL)
    written = []
    original = Mask.dense
    monkeypatch.setattr(Mask, "dense", lambda *arguments: written.append(1) or original(*arguments))
    attention.block_bytes = block_bytes
    got = read(attention, given, CAUSAL)
    assert bool(written) == dense
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_frozen_parameters_stream_too():
    attention, given = attention_of("additive"), sequences(5, 7)
    attention.plain_bytes, attention.block_bytes = 0, 1
    attention.alignment.W.requires_grad_(False)
    query, key, value = given
    attention(query, attention.project_keys(key), value.requires_grad_()).sum().backward()
    assert attention.alignment.W.grad is None
    assert attention.alignment.v.grad.any()


def test_tracing_ends_with_its_context():
    attention, (query, key, value) = attention_of("dot"), sequences(5, 7)
    with traced(attention):
        attention(query, attention.project_keys(key), value.requires_grad_())
    assert attention.weights.shape == (B, H, 5, 7)
    assert not attention.weights.requires_grad
    attention(query, attention.project_keys(key), value)
    assert attention.path == "fused"
    with traced(attention):
        assert attention.weights is None
