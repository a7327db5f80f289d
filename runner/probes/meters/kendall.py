"""Kendall's rank correlation."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def kendall_tau(x: Float[Tensor, "*b n"], y: Float[Tensor, "*b n"]) -> Float[Tensor, "*b"]:
    """Return Kendall's tau-b along the last dimension; NaN where all numbers of one of the two are equal.

    tau-b divides by the pairs that are not tied: weights and gradients have many ties, such as zeros. Source: Kendall
    1945, "The treatment of ties in ranking problems".
    """
    # A row of n x n signs for each position in turn, so that memory grows with n and not with its square.
    concordant, untied_x, untied_y = (torch.zeros(x.shape[:-1], dtype=torch.double, device=x.device) for _ in range(3))
    for i in range(x.shape[-1] - 1):
        left = (x[..., i + 1 :] - x[..., i : i + 1]).sign().double()
        right = (y[..., i + 1 :] - y[..., i : i + 1]).sign().double()
        concordant = concordant + (left * right).sum(-1)
        untied_x = untied_x + left.abs().sum(-1)
        untied_y = untied_y + right.abs().sum(-1)
    return concordant / (untied_x * untied_y).sqrt()
