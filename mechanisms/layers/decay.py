"""The initial decays of gated mixers: Δ = softplus(b) is log-uniform, as in the code of Mamba (arXiv 2312.00752).

The paper has a uniform Δ.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def log_uniform(count: int, low: float = 1e-3, high: float = 1e-1) -> Float[Tensor, "count"]:
    return torch.empty(count).uniform_(math.log(low), math.log(high)).exp()


def inverse_softplus(y: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    return y + torch.log(-torch.expm1(-y))
