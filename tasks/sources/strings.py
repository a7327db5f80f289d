"""The base classes of tasks on strings, with one query mark for each symbol of the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..spaces import Classes, Tokens
from ..task import Batch, Part, Presets, Task, uniform


class StringTask(Task):
    """A question about a string of `tokens`. All queries are the mark "?", and all are scored."""

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
        """Return the batch with all of `target` as the answer."""
        query, scored = torch.full_like(target, self.mark), torch.ones_like(target, dtype=torch.bool)
        return Batch(source, query, target, scored, links)


class Rearrangement(StringTask):
    """A uniform random string, whose symbols are the answer in an order that depends only on the length."""

    points = True
    necessary = True

    def __init__(self, name: str, symbols: int) -> None:
        self.symbols = symbols
        super().__init__(name, symbol_names(symbols), symbol_names(symbols))

    @abstractmethod
    def rearrange(self, positions: Int[Tensor, "s"]) -> Int[Tensor, "q"]:
        """Return the positions of the source in the order of the answer."""

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(self.symbols, (size, length), generator=generator, device=generator.device)
        positions = torch.arange(length, device=source.device)
        asked = self.rearrange(positions)
        links = asked.unsqueeze(1) == positions
        return self.ask(source, source[:, asked], links.expand(size, -1, -1))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.symbols)


def symbol_names(symbols: int) -> list[str]:
    """Return the names of the symbols, which are their numbers.

    Raises ValueError for fewer than two symbols, with which the answer is always the same.
    """
    if symbols < 2:
        raise ValueError(f"symbols is {symbols}, but must be at least 2, or the answer is always the same")
    return [str(number) for number in range(symbols)]
