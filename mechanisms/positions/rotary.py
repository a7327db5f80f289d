"""(x_2i, x_2i+1) turned by the angle t / base^(2i/p): x'_2i = x_2i cos − x_2i+1 sin, x'_2i+1 = x_2i+1 cos + x_2i sin

So the inner product of a query and a key depends on their distance, not on where they stand.
Su et al. 2021, "RoFormer" (arXiv 2104.09864), eq. 34. Neighbouring columns are paired, as there. An odd width's last
column is left as it is.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..precision import at_least_single
from .angles import angles
from .position import POSITIONS, Position


@POSITIONS.register("rotary")
class Rotary(Position):
    compiles = True

    def __init__(self, width: int, heads: int = 1, causal: bool = True, *, base: float = 10000.0) -> None:
        super().__init__(width, heads, causal)
        if not base > 0:
            raise ValueError(f"base must be above 0, and is {base}")
        self.base = base

    def rotate(self, x: Float[Tensor, "b h n p"], position: Int[Tensor, "n"]) -> Float[Tensor, "b h n p"]:
        paired = x.shape[-1] // 2 * 2
        # A half-precision vector is turned in float32.
        dtype = at_least_single(x.dtype)
        angle = angles(position, paired, self.base)
        cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
        even, odd = x[..., 0:paired:2], x[..., 1:paired:2]
        turned = torch.stack([even * cos - odd * sin, odd * cos + even * sin], dim=-1).flatten(-2).to(x.dtype)
        return torch.cat([turned, x[..., paired:]], dim=-1) if paired < x.shape[-1] else turned
