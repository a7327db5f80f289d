"""p(t) = 0: no mark at all

A causal mask alone lets a Transformer tell positions apart (Haviv et al. 2022, arXiv 2203.16634).
"""

from .position import POSITIONS, Position


@POSITIONS.register("none")
class NoPosition(Position):
    compiles = True
