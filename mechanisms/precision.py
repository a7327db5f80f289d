"""Wider types for computations that half precision is not enough for."""

import torch
from jaxtyping import Shaped
from torch import Tensor


def at_least_single(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def wide(x: Shaped[Tensor, "*b"]) -> Shaped[Tensor, "*b"]:
    """Return x in float32 or wider: sums of many numbers need more precision than half."""
    return x.to(at_least_single(x.dtype))
