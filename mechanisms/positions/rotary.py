import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..precision import at_least_single
from .angles import angles
from .position import POSITIONS, Position


@POSITIONS.register("rotary")
class Rotary(Position):
    """x'_2i = x_2i cos θ − x_2i+1 sin θ, x'_2i+1 = x_2i+1 cos θ + x_2i sin θ, with θ = t / base^(2i/p) at position t

    It rotates the queries and keys, so their inner product depends on the distance between their positions, and not on
    the positions themselves. Neighbouring columns form a pair, as in the paper. The last column of an odd width is
    unchanged.

    Source: Su et al. 2021, "RoFormer" (arXiv 2104.09864), eq. 34.
    """

    def __init__(self, width: int, heads: int = 1, causal: bool = True, *, base: float = 10000.0) -> None:
        super().__init__(width, heads, causal)
        if not base > 0:
            raise ValueError(f"base must be above 0, not {base}")
        self.base = base

    def rotate(self, x: Float[Tensor, "b h n p"], position: Int[Tensor, "n"]) -> Float[Tensor, "b h n p"]:
        paired = x.shape[-1] // 2 * 2
        # A half-precision vector is rotated in float32.
        dtype = at_least_single(x.dtype)
        angle = angles(position, paired, self.base)
        cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
        even, odd = x[..., 0:paired:2], x[..., 1:paired:2]
        rotated = torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1).flatten(-2).to(x.dtype)
        return torch.cat([rotated, x[..., paired:]], dim=-1) if paired < x.shape[-1] else rotated
