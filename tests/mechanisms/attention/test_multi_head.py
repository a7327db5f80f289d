import pytest
import torch
from torch import nn

from mechanisms import CAUSAL, FULL, Mask, MultiHeadAttention, padding
from tests.mechanisms.torchs import assert_close, attention_gradients, copy_attention

B, Q, K, D, H = 2, 5, 7, 12, 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", ["full", "causal", "padding", "both"])
@pytest.mark.parametrize("length", [Q, K])
def test_scaled_dot_is_torchs(masked, length, dtype):
    ours = MultiHeadAttention(D, H).to(dtype)
    theirs = nn.MultiheadAttention(D, H, batch_first=True, dtype=dtype)
    copy_attention(ours, theirs)
    given = [torch.randn(B, n, D, dtype=dtype) for n in (length, K)]
    (query, source), (other, memory) = ([x.clone().requires_grad_() for x in given] for _ in range(2))
    keys = padding(torch.tensor([K - 2, K]), K).keys
    mask = {"full": FULL, "causal": CAUSAL, "padding": Mask(keys=keys), "both": Mask(True, keys)}[masked]
    hidden = torch.ones(length, K, dtype=torch.bool).triu(K - length + 1) if mask.causal else None
    wanted, _ = theirs(
        other, memory, memory, attn_mask=hidden, key_padding_mask=None if mask.keys is None else ~mask.keys
    )
    got = ours(query, source, mask)
    assert_close(got, wanted)

    direction = torch.randn_like(got)
    got.backward(direction)
    wanted.backward(direction)
    for a, b in [*attention_gradients(ours, theirs), (query.grad, other.grad), (source.grad, memory.grad)]:
        assert_close(a, b)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width 12 cannot be split into 5 heads"):
        MultiHeadAttention(D, 5)


def test_an_alignment_that_reads_no_keys_gets_no_map_of_them():
    assert MultiHeadAttention(D, H, "location").W_k is None
    assert MultiHeadAttention(D, H, "general").W_k is not None
