"""Blocks against torch's encoder and decoder layers with the same weights: outputs and every gradient."""

import pytest
import torch
from torch import nn

from mechanisms import CAUSAL, FULL, Mask, MultiHeadAttention
from mechanisms.layers.block import AttentionBlock, CrossBlock
from tests.mechanisms.torchs import assert_close, attention_gradients, copy_attention

B, S, Q, D, H = 2, 7, 5, 12, 3
DTYPES = [torch.float32, torch.float64]


def pair(kind: type, norm: str, activation: str, dtype: torch.dtype) -> tuple[AttentionBlock, nn.Module]:
    attentions = [MultiHeadAttention(D, H) for _ in range(2 if kind is CrossBlock else 1)]
    act = nn.GELU if activation == "gelu" else nn.ReLU
    ours = kind(D, *attentions, norm, act).to(dtype)
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.3)
    layer = nn.TransformerDecoderLayer if kind is CrossBlock else nn.TransformerEncoderLayer
    theirs = layer(
        D, H, 4 * D, dropout=0.0, activation=activation, batch_first=True, norm_first=norm == "pre", dtype=dtype
    )
    copy_attention(ours.mixer, theirs.self_attn)
    if kind is CrossBlock:
        copy_attention(ours.cross, theirs.multihead_attn)
    for mine, other in parts(ours, theirs):
        other.load_state_dict(mine.state_dict())
    return ours, theirs


def parts(ours: AttentionBlock, theirs: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
    norms = [ours.residual_1.norm, ours.residual_2.norm]
    if isinstance(ours, CrossBlock):
        norms.insert(1, ours.residual_cross.norm)
    found = [(norm, getattr(theirs, f"norm{i}")) for i, norm in enumerate(norms, start=1)]
    return [*found, (ours.feed_forward[0], theirs.linear1), (ours.feed_forward[2], theirs.linear2)]


def assert_gradients(ours: AttentionBlock, theirs: nn.Module) -> None:
    pairs = attention_gradients(ours.mixer, theirs.self_attn)
    if isinstance(ours, CrossBlock):
        pairs += attention_gradients(ours.cross, theirs.multihead_attn)
    for mine, other in parts(ours, theirs):
        pairs += [(a.grad, b.grad) for a, b in zip(mine.parameters(), other.parameters(), strict=True)]
    assert len(pairs) == sum(1 for _ in ours.parameters())
    for got, wanted in pairs:
        assert wanted.any()
        assert_close(got, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize(("activation", "mask"), [("gelu", CAUSAL), ("gelu", FULL), ("relu", FULL)])
def test_a_block_is_torchs_encoder_layer(norm, activation, mask, dtype):
    ours, theirs = pair(AttentionBlock, norm, activation, dtype)
    x = torch.randn(B, S, D, dtype=dtype, requires_grad=True)
    other = x.detach().clone().requires_grad_()
    hidden = torch.ones(S, S, dtype=torch.bool).triu(1) if mask.causal else None
    got, wanted = ours(x, 0, mask), theirs(other, src_mask=hidden)
    assert_close(got, wanted)
    direction = torch.randn_like(got)
    got.backward(direction)
    wanted.backward(direction)
    assert_close(x.grad, other.grad)
    assert_gradients(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_cross_block_is_torchs_decoder_layer(norm, dtype):
    ours, theirs = pair(CrossBlock, norm, "relu", dtype)
    x, memory = (torch.randn(B, n, D, dtype=dtype, requires_grad=True) for n in (Q, S))
    others = [y.detach().clone().requires_grad_() for y in (x, memory)]
    got = ours(x, 0, CAUSAL, (*ours.cross.project(memory), Mask(offset=0)))
    wanted = theirs(*others, tgt_mask=torch.ones(Q, Q, dtype=torch.bool).triu(1))
    assert_close(got, wanted)
    direction = torch.randn_like(got)
    got.backward(direction)
    wanted.backward(direction)
    for mine, other in zip((x, memory), others, strict=True):
        assert_close(mine.grad, other.grad)
    assert_gradients(ours, theirs)
