"""Odds first: output the symbols at odd positions, then those at even positions."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from .sources.strings import Rearrangement
from .task import TASKS, Batch


@TASKS.register("odds_first")
class OddsFirst(Rearrangement):
    """Output the 1st, 3rd, 5th, ... of `length` random symbols, and then the 2nd, 4th, 6th, ...

    With length=7 ("?" is a mark):

        source  0 0 1 1 0 1 0
        query   ? ? ? ? ? ? ?
        answer  0 1 0 0 0 1 1

    A context-sensitive task, published with two symbols. The publication describes this order; its code puts the even
    positions first.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    def __init__(self, *, symbols: int = 2) -> None:
        super().__init__("odds_first", symbols)

    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        return torch.cat([positions[0::2], positions[1::2]])

    def answer(self, batch: Batch) -> Tensor:
        odd = torch.arange(batch.source.shape[1], device=batch.source.device) % 2
        return batch.source[:, odd.argsort(stable=True)]
