import pytest
import torch
from torch import nn

from mechanisms import CAUSAL, FULL, Mask, MultiHeadAttention, padding

B, Q, K, D, H = 2, 5, 7, 12, 3


def pair() -> tuple[MultiHeadAttention, nn.MultiheadAttention]:
    """Ours and torch's with the same weights; torch's bias on the keys changes nothing, so it may be anything."""
    ours = MultiHeadAttention(D, H).double()
    theirs = nn.MultiheadAttention(D, H, batch_first=True, dtype=torch.float64)
    maps = (ours.W_q, ours.W_k, ours.W_v)
    for linear in (ours.W_q, ours.W_v, ours.W_o):
        nn.init.normal_(linear.bias)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in maps]))
        theirs.in_proj_bias.copy_(torch.cat([ours.W_q.bias, torch.randn(D), ours.W_v.bias]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())
    return ours, theirs


@pytest.mark.parametrize("masked", ["full", "causal", "padding", "both"])
@pytest.mark.parametrize("length", [Q, K])
def test_scaled_dot_is_torchs(masked, length):
    ours, theirs = pair()
    query = torch.randn(B, length, D, dtype=torch.float64, requires_grad=True)
    source = torch.randn(B, K, D, dtype=torch.float64, requires_grad=True)
    keys = padding(torch.tensor([K - 2, K]), K).keys
    mask = {"full": FULL, "causal": CAUSAL, "padding": Mask(keys=keys), "both": Mask(True, keys)}[masked]
    hidden = torch.ones(length, K, dtype=torch.bool).triu(K - length + 1) if mask.causal else None
    wanted, _ = theirs(
        query, source, source, attn_mask=hidden, key_padding_mask=None if mask.keys is None else ~mask.keys
    )
    got = ours(query, source, mask)
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)

    direction = torch.randn_like(got)
    mine = [ours.W_q.weight, ours.W_k.weight, ours.W_v.weight, ours.W_q.bias, ours.W_v.bias, *ours.W_o.parameters()]
    got = torch.autograd.grad((got * direction).sum(), [query, source, *mine])
    other = [theirs.in_proj_weight, theirs.in_proj_bias, *theirs.out_proj.parameters()]
    d_query, d_source, d_weight, d_bias, *d_out = torch.autograd.grad(
        (wanted * direction).sum(), [query, source, *other]
    )
    d_q, _, d_v = d_bias.chunk(3)
    for a, b in zip(got, [d_query, d_source, *d_weight.chunk(3), d_q, d_v, *d_out], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width 12 cannot be split into 5 heads"):
        MultiHeadAttention(D, 5)


def test_an_alignment_that_reads_no_keys_gets_no_map_of_them():
    assert not list(MultiHeadAttention(D, H, "location").W_k.parameters())
    assert list(MultiHeadAttention(D, H, "general").W_k.parameters())
