"""The contract of a task: read this source, then answer these queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from registry import Registry


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
        moved = {f.name: value.to(device) for f in fields(self) if (value := getattr(self, f.name)) is not None}
        return replace(self, **moved)


class Task(ABC):
    """Asks a question about a source. Every draw comes from the generator given to `sample`.

    A constructor takes the task's own settings as keywords; lengths are given per call.
    """

    source_space: Tokens | Features
    query_space: Tokens
    target_space: Classes | Scalar
    causal: ClassVar[bool] = True  # False where a query position may see later ones (masked language models)
    leaks: ClassVar[bool] = False  # True where a later query gives an earlier answer away, as a shifted target does

    @abstractmethod
    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        """Draw `size` examples of `length` on the generator's device.

        Raises ValueError where `check_length` does.
        """

    @abstractmethod
    def chance(self, length: int) -> float:
        """Return the metric of the best predictor that has not read the source."""

    @abstractmethod
    def ceiling(self, length: int) -> float:
        """Return the metric of a perfect reader."""

    @abstractmethod
    def answer(self, batch: Batch) -> Tensor:
        """Solve the batch from source and query alone; shaped as the target, compared where it is scored."""

    def check_length(self, length: int) -> None:
        """Raise ValueError, in one sentence, where no example of this length exists."""
        if length < 1:
            raise ValueError(f"length is {length}, the least is 1")


TASKS: Registry[Task] = Registry("task", "tasks")


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
