"""Missing duplicate: a string is repeated, and symbols are missing."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.strings import StringTask, symbol_names
from .task import TASKS, Batch, Presets, draw_distinct, uniform


@TASKS.register("missing_duplicate")
class MissingDuplicate(StringTask):
    """A random string twice, `length` symbols in all, with `blanks` replaced by a blank: which symbols were they?

    With length=8 ("_" is the blank, "?" a mark):

        source  6 1 _ 2 6 _ 5 2
        query   ? ?
        answer  5 1

    A context-sensitive task: a symbol is found in the other copy, at the place of the blank. With blanks=1, as
    published, it is also found without any place, as the one symbol that occurs an odd number of times; with symbols=2,
    as in `deletang`, this is the parity of the ones. With more blanks, the symbols that occur an odd number of times
    do not say which blank is which. At most one symbol of a pair is missing.

    The length must be even; in the publication an odd one has a padding symbol at the end.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    points = True
    necessary = True
    presets: ClassVar[Presets] = {
        "deletang": {"symbols": 2, "blanks": 1, "length": [2, 40], "test_lengths": [42, 100, 200, 300, 400, 500]}
    }

    def __init__(self, *, symbols: int = 8, blanks: int = 2) -> None:
        if blanks < 1:
            raise ValueError(f"blanks is {blanks}, but must be at least 1, or nothing is asked")
        self.symbols = self.blank = symbols
        self.blanks = blanks
        super().__init__("missing_duplicate", [*symbol_names(symbols), "_"], symbol_names(symbols))

    def check_length(self, length: int) -> None:
        if length < 2 * self.blanks or length % 2:
            raise ValueError(
                f"length is {length}, but must be even and at least {2 * self.blanks}, for a string and its copy with "
                f"{self.blanks} blanks"
            )

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        half, device = length // 2, generator.device
        string = torch.randint(self.symbols, (size, half), generator=generator, device=device)
        pairs = draw_distinct(size, self.blanks, half, generator)
        copy = torch.randint(2, (size, self.blanks), generator=generator, device=device)
        missing = (pairs + half * copy).sort(1).values
        twins = (missing + half) % length
        links = twins.unsqueeze(2) == torch.arange(length, device=device)
        source = string.repeat(1, 2).scatter_(1, missing, self.blank)
        return self.ask(source, string.gather(1, missing % half), links)

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.symbols)

    def answer(self, batch: Batch) -> Tensor:
        length = batch.source.shape[1]
        places = torch.arange(length, device=batch.source.device).where(batch.source == self.blank, length)
        missing = places.sort(1).values[:, : self.blanks]
        return batch.source.gather(1, (missing + length // 2) % length)
