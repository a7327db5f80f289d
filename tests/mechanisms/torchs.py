"""Torch's own attention layers with the weights of ours, and gradients side by side."""

import torch
from torch import nn

from mechanisms import MultiHeadAttention


def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Torch's bias on the keys changes nothing under softmax, so it may be anything."""
    maps = (ours.W_q, ours.W_k, ours.W_v)
    for linear in (ours.W_q, ours.W_v, ours.W_o):
        nn.init.normal_(linear.bias)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([linear.weight for linear in maps]))
        theirs.in_proj_bias.copy_(torch.cat([ours.W_q.bias, torch.randn_like(ours.W_q.bias), ours.W_v.bias]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())


def attention_gradients(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> list[tuple]:
    """Pair up the gradients that the two have after backward."""
    weight, bias = theirs.in_proj_weight.grad.chunk(3), theirs.in_proj_bias.grad.chunk(3)
    pairs = [(ours.W_q.weight, weight[0]), (ours.W_k.weight, weight[1]), (ours.W_v.weight, weight[2])]
    pairs += [(ours.W_q.bias, bias[0]), (ours.W_v.bias, bias[2])]
    pairs += [(ours.W_o.weight, theirs.out_proj.weight.grad), (ours.W_o.bias, theirs.out_proj.bias.grad)]
    return [(parameter.grad, other) for parameter, other in pairs]


def assert_close(got: torch.Tensor, wanted: torch.Tensor) -> None:
    """To 1e-5 of the largest element in float32, to 1e-11 in float64."""
    tolerance = 1e-5 if got.dtype == torch.float32 else 1e-11
    torch.testing.assert_close(got, wanted, rtol=0, atol=tolerance * max(1.0, wanted.abs().max().item()))
