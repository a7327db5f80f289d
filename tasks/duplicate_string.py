"""Duplicate string: output a string twice."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from .sources.strings import Rearrangement
from .task import TASKS, Batch


@TASKS.register("duplicate_string")
class DuplicateString(Rearrangement):
    """Output a string of `length` random symbols twice.

    With length=3 ("?" is a mark):

        source  1 0 1
        query   ? ? ? ? ? ?
        answer  1 0 1 1 0 1

    A context-sensitive task, published with two symbols.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    def __init__(self, *, symbols: int = 2) -> None:
        super().__init__("duplicate_string", symbols)

    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        return positions.repeat(2)

    def answer(self, batch: Batch) -> Tensor:
        return torch.cat([batch.source, batch.source], dim=1)
