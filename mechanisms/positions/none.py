"""p(t) = 0: no mark at all

A causal mask alone lets a Transformer tell positions apart (Haviv et al. 2022, arXiv 2203.16634).
"""

from jaxtyping import Float, Int
from torch import Tensor

from .position import POSITIONS, Position


@POSITIONS.register("none")
class NoPosition(Position):
    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x
