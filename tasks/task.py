"""The contract of a task: read this source, then answer these queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from registry import Registered, Registry


@dataclass(frozen=True)
class Tokens:
    """Whole numbers below `size`. Two equal spaces are one vocabulary and share one embedding."""

    size: int
    vocabulary: str = "tokens"


@dataclass(frozen=True)
class Features:
    """Vectors of `size` real numbers."""

    size: int


@dataclass(frozen=True)
class Classes:
    """One of `size` classes; scored by accuracy."""

    size: int


@dataclass(frozen=True)
class Distribution(Classes):
    """One of `size` classes, each with a known probability; scored by the cross-entropy in nats."""


@dataclass(frozen=True)
class Scalar:
    """A real number; scored by mean squared error."""


@dataclass(frozen=True)
class Batch:
    """One batch: b examples that share a source length s (which may be 0) and a query length q.

    `links` is the gold alignment: the source positions that explain the answer at a query position.
    """

    source: Int[Tensor, "b s"] | Float[Tensor, "b s f"]
    query: Int[Tensor, "b q"]
    target: Int[Tensor, "b q"] | Float[Tensor, "b q"]
    scored: Bool[Tensor, "b q"]
    links: Bool[Tensor, "b q s"] | None = None

    def __len__(self) -> int:
        return self.query.shape[0]

    def to(self, device: torch.device) -> Batch:
        return replace(self, **{name: value.to(device) for name, value in self._tensors().items()})

    def split(self, size: int) -> Iterator[Batch]:
        """Yield the batches of `size` examples each that this one is made of."""
        for start in range(0, len(self), size):
            yield replace(self, **{name: value[start : start + size] for name, value in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


Part: TypeAlias = Literal["source", "query", "target"]
Presets: TypeAlias = Mapping[str, Mapping[str, Any]]

HIDDEN = -1
"""Stands in a source for a token that may not be read; among features a vector of zeros does."""


class Task(Registered, ABC):
    """Asks a question about a source. Every draw comes from the generator given to `sample`.

    A constructor takes the task's own settings as keywords; lengths are given per call. The docstring begins with the
    question, shows an example and ends with the line "Source: ...", or "Source: this project.".
    """

    source_space: Tokens | Features
    query_space: Tokens
    target_space: Classes | Scalar

    family: ClassVar[str] = ""
    """What tasks of one family have in common ("memory", "recall", "text", ...), by which results can be grouped."""

    causal: ClassVar[bool] = True
    """Whether a query position may see earlier ones only; False in masked language models."""

    leaks: ClassVar[bool] = False
    """Whether a later query gives an earlier answer away, as a shifted target does."""

    feeds_back: ClassVar[bool] = False
    """Whether query t+1 is answer t, a class being the query token of the same number: then it can be decoded. The
    last class ends an answer."""

    points: ClassVar[bool] = False
    """Whether the answer is the symbol at the one source position linked to the query. Else the oracle has to find the
    answer of a query when all source positions that are not linked to it are HIDDEN."""

    necessary: ClassVar[bool] = False
    """Whether each linked position matters: with some other token there the answer would be another."""

    drawn_together: ClassVar[int] = 8
    """How many batches training draws at once: a draw costs its calls rather than its size, and some make many."""

    presets: ClassVar[Presets] = {}
    """Published settings by name: constructor settings, `length` and `test_lengths`, as a suite would give them."""

    @abstractmethod
    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` examples of `length` on the generator's device.

        Raises ValueError where `check_length` does.
        """

    @abstractmethod
    def chance(self, length: int) -> float:
        """Return the expected metric of the best predictor that has not read the source."""

    @abstractmethod
    def ceiling(self, length: int) -> float:
        """Return the expected metric of a perfect reader."""

    def bounds(self, length: int, batches: Sequence[Batch]) -> tuple[float, float]:
        """Return chance and ceiling of these very examples, where they are known example by example."""
        return self.chance(length), self.ceiling(length)

    @abstractmethod
    def answer(self, batch: Batch) -> Tensor:
        """Solve the batch from source and query alone; shaped as the target, compared where it is scored."""

    def check_length(self, length: int) -> None:
        """Raise ValueError, in one sentence, where no example of this length exists."""
        if length < 1:
            raise ValueError(f"length is {length}, the least is 1")

    def accepts(self, length: int) -> bool:
        """Return whether there are examples of this length."""
        try:
            self.check_length(length)
        except ValueError:
            return False
        return True

    def words(self, part: Part) -> Sequence[str]:
        """Return what each token of the source or the query, or each class of the target, is called; else numbers."""
        space = {"source": self.source_space, "query": self.query_space, "target": self.target_space}[part]
        return [str(number) for number in range(space.size)] if isinstance(space, Tokens | Classes) else []

    def tell(self, batch: Batch, row: int, language: str = "en") -> str | None:
        """Return an example as a person would tell it, in English ("en") or Chinese ("zh"); None where words say it."""
        return None


TASKS = Registry[Task]("task", "tasks", properties=("family", "causal", "leaks", "feeds_back"))


def draw_distinct(
    size: int, count: int, below: int, generator: torch.Generator, log_weights: Float[Tensor, "n"] | None = None
) -> Int[Tensor, "size count"]:
    """Draw `count` different whole numbers below `below` for each of `size` rows, in random order.

    Without `log_weights` all are equally likely. With them the draw is the sequential one without
    replacement: the largest of log-weights plus Gumbel noise (Yellott 1977; Efraimidis & Spirakis 2006).
    """
    noise = torch.rand(size, below, generator=generator, device=generator.device)
    if log_weights is not None:
        noise = log_weights.to(noise.device) - (-noise.clamp_min(1e-20).log()).log()
    return noise.topk(count, dim=1).indices
