"""Reverse: output a string backwards."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from .sources.strings import Rearrangement
from .task import TASKS, Batch


@TASKS.register("reverse")
class Reverse(Rearrangement):
    """Output a string of `length` random symbols backwards.

    With length=5 ("?" is a mark):

        source  0 1 1 0 1
        query   ? ? ? ? ?
        answer  1 0 1 1 0

    A deterministic context-free task, published with two symbols.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    def __init__(self, *, symbols: int = 2) -> None:
        super().__init__("reverse", symbols)

    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        return positions.flip(0)

    def answer(self, batch: Batch) -> Tensor:
        return batch.source.flip(1)
