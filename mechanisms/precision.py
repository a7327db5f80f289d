"""Where half precision is not enough."""

import torch
from jaxtyping import Shaped
from torch import Tensor


def at_least_single(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def wide(x: Shaped[Tensor, "*b"]) -> Shaped[Tensor, "*b"]:
    """Return x in float32 at least: sums over many numbers need more than the bits of a half-precision one."""
    return x.to(at_least_single(x.dtype))
