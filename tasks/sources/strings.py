"""What the tasks over strings share: one query mark for each symbol that is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ..task import Batch, Classes, Part, Presets, Task, Tokens


class StringTask(Task):
    """Reads a string of `tokens`; each query position is the mark "?", and all of them are scored."""

    family = "formal language"
    presets: ClassVar[Presets] = {"deletang": {"length": [1, 40], "test_lengths": [41, 100, 200, 300, 400, 500]}}

    def __init__(self, name: str, tokens: Sequence[str], classes: Sequence[str]) -> None:
        self.mark = len(tokens)
        self._tokens, self._classes = [*tokens, "?"], [*classes]
        self.source_space = self.query_space = Tokens(len(self._tokens), name)
        self.target_space = Classes(len(classes))

    def ceiling(self, length: int) -> float:
        return 1.0

    def words(self, part: Part) -> list[str]:
        return self._classes if part == "target" else self._tokens

    def ask(self, source: Int[Tensor, "b s"], target: Int[Tensor, "b q"], links: Bool[Tensor, "b q s"]) -> Batch:
        """Return the batch that asks for the whole of `target`."""
        query, scored = torch.full_like(target, self.mark), torch.ones_like(target, dtype=torch.bool)
        return Batch(source, query, target, scored, links)


class Rearrangement(StringTask):
    """A uniform random string whose symbols are asked in an order that depends on the length alone."""

    points = True
    necessary = True

    def __init__(self, name: str, symbols: int) -> None:
        self.symbols = symbols
        super().__init__(name, symbol_names(symbols), symbol_names(symbols))

    @abstractmethod
    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        """Return the source's positions in the order in which they are asked."""

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(self.symbols, (size, length), generator=generator, device=generator.device)
        positions = torch.arange(length, device=source.device)
        asked = self.rearrange(positions)
        links = asked.unsqueeze(1) == positions
        return self.ask(source, source[:, asked], links.expand(size, -1, -1))

    def chance(self, length: int) -> float:
        return 1 / self.symbols


def symbol_names(symbols: int) -> list[str]:
    """Return what `symbols` symbols are called: their numbers.

    Raises ValueError below two, where there is nothing to ask.
    """
    if symbols < 2:
        raise ValueError(f"symbols is {symbols}, but there must be at least 2 to tell apart")
    return [str(number) for number in range(symbols)]
