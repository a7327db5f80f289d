"""Bucket sort: output the symbols of a string in order."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.strings import StringTask, symbol_names
from .task import TASKS, Batch


@TASKS.register("bucket_sort")
class BucketSort(StringTask):
    """Sort a string of `length` random symbols.

    It measures counting: how often each symbol occurs, without any order, is sufficient to answer.

    With symbols=5 and length=7 ("?" is a mark):

        source  4 1 0 1 3 0 1
        query   ? ? ? ? ? ? ?
        answer  0 0 1 1 1 3 4

    A context-sensitive task, published with five symbols. The links are those of a stable sort, which keeps equal
    symbols in their order.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    points = True

    def __init__(self, *, symbols: int = 5) -> None:
        self.symbols = symbols
        super().__init__("bucket_sort", symbol_names(symbols), symbol_names(symbols))

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(self.symbols, (size, length), generator=generator, device=generator.device)
        target, places = source.sort(dim=1, stable=True)
        links = places.unsqueeze(2) == torch.arange(length, device=source.device)
        return self.ask(source, target, links)

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        """Return the distribution of the order statistic of each rank.

        With five symbols chance is .78 at length 40 and .94 at 500, where the rank alone nearly determines the symbol.

        The symbol of rank r (from 0) is at most k if more than r symbols are at most k, and their number is binomial.
        """
        share = torch.arange(1, self.symbols, dtype=torch.float64).unsqueeze(1) / self.symbols
        counts = torch.arange(length + 1, dtype=torch.float64)
        chosen = (
            torch.tensor(length + 1.0, dtype=torch.float64).lgamma()
            - (counts + 1).lgamma()
            - (length - counts + 1).lgamma()
        )
        exactly = (chosen + counts * share.log() + (length - counts) * (-share).log1p()).exp()
        at_most = exactly.flip(1).cumsum(1).flip(1)[:, 1:]
        never, always = torch.zeros(1, length).double(), torch.ones(1, length).double()
        return torch.cat([never, at_most, always]).diff(dim=0).T.clamp_min(0)

    def answer(self, batch: Batch) -> Tensor:
        """Count the symbols. That of a rank is the number of symbols whose cumulative count is at most the rank."""
        counts = (batch.source.unsqueeze(2) == torch.arange(self.symbols, device=batch.source.device)).sum(1)
        ranks = torch.arange(batch.source.shape[1], device=batch.source.device)
        return (counts.cumsum(1).unsqueeze(1) <= ranks.unsqueeze(1)).sum(2)
