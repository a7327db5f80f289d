"""Missing duplicate: a string is repeated, and one symbol is missing."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from .sources.strings import StringTask, symbol_names
from .task import TASKS, Batch, Presets


@TASKS.register("missing_duplicate")
class MissingDuplicate(StringTask):
    """A random string twice, `length` symbols in all, with one replaced by a blank: which symbol was it?

    With length=8 ("_" is the blank, "?" a mark):

        source  0 1 1 0 0 _ 1 0
        query   ?
        answer  1

    A context-sensitive task, published with two symbols. The length must be even; in the publication an odd one has a
    padding symbol at the end.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    points = True
    necessary = True
    presets: ClassVar[Presets] = {"deletang": {"length": [2, 40], "test_lengths": [42, 100, 200, 300, 400, 500]}}

    def __init__(self, *, symbols: int = 2) -> None:
        self.symbols = self.blank = symbols
        super().__init__("missing_duplicate", [*symbol_names(symbols), "_"], symbol_names(symbols))

    def check_length(self, length: int) -> None:
        if length < 2 or length % 2:
            raise ValueError(f"length is {length}, but must be even and at least 2, for a string and its copy")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        half, device = length // 2, generator.device
        string = torch.randint(self.symbols, (size, half), generator=generator, device=device)
        missing = torch.randint(length, (size, 1), generator=generator, device=device)
        twin = (missing + half) % length
        links = twin.unsqueeze(2) == torch.arange(length, device=device)
        source = string.repeat(1, 2).scatter_(1, missing, self.blank)
        return self.ask(source, string.gather(1, missing % half), links)

    def chance(self, length: int) -> float:
        return 1 / self.symbols

    def answer(self, batch: Batch) -> Tensor:
        first, second = batch.source.chunk(2, dim=1)
        found = second * (first == self.blank) + first * (second == self.blank)
        return found.sum(1, keepdim=True)
