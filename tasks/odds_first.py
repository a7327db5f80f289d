"""Odds first: say the symbols at odd places, then those at even places."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from .sources.strings import Rearrangement
from .task import TASKS, Batch


@TASKS.register("odds_first")
class OddsFirst(Rearrangement):
    """A string of `length` random symbols, to be said with the 1st, 3rd, 5th ... before the 2nd, 4th, 6th ...

    With length=7 ("?" a mark):

        source  0 0 1 1 0 1 0
        query   ? ? ? ? ? ? ?
        answer  0 1 0 0 0 1 1

    Delétang et al. 2022 (arXiv 2207.02098, App. A), with two symbols, a context-sensitive task. This is
    the order in which the published code describes it; what that code does is to put the even places first.
    """

    def __init__(self, *, symbols: int = 2) -> None:
        super().__init__("odds_first", symbols)

    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        return torch.cat([positions[0::2], positions[1::2]])

    def answer(self, batch: Batch) -> Tensor:
        odd = torch.arange(batch.source.shape[1], device=batch.source.device) % 2
        return batch.source[:, odd.argsort(stable=True)]
