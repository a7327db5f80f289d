"""The contract of a task: read a source, then answer queries about it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from registry import Registered, Registry

from .spaces import Bounds, Features, TargetSpace, Tokens


@dataclass(frozen=True)
class Batch:
    """b examples with the same source length s, which may be 0, and the same query length q.

    The target has one answer for each query position; `scored` is true where the answer counts for loss and metric.
    `links` are the gold alignment links: the source positions that explain the answer at a query position.
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
        """Yield the examples in order, in batches of `size`."""
        for start in range(0, len(self), size):
            yield replace(self, **{name: value[start : start + size] for name, value in self._tensors().items()})

    def rows(self, chosen: Int[Tensor, "n"]) -> Batch:
        """Return the examples with these numbers."""
        return replace(self, **{name: value[chosen] for name, value in self._tensors().items()})

    def _tensors(self) -> dict[str, Tensor]:
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


Part: TypeAlias = Literal["source", "query", "target"]
Presets: TypeAlias = Mapping[str, Mapping[str, Any]]

HIDDEN = -1
"""Replaces a source token that must not be read. Features are replaced by zeros instead."""


class Task(Registered, ABC):
    """Samples sources and queries with their answers. All randomness comes from the generator given to `sample`.

    A constructor takes the settings of the task as keyword arguments; the length is an argument of each method. The
    docstring begins with the question, shows an example, and ends with the line "Source: ...", or "Source: this
    project.".
    """

    source_space: Tokens | Features
    query_space: Tokens
    target_space: TargetSpace

    family: ClassVar[str] = ""
    """The group of similar tasks that it belongs to: "memory", "recall", "text", ..."""

    causal: ClassVar[bool] = True
    """Whether a query position may see only earlier query positions; False for masked language models."""

    leaks: ClassVar[bool] = False
    """Whether a later query reveals an earlier answer. It does where the queries are the shifted target."""

    feeds_back: ClassVar[bool] = False
    """Whether query t+1 is answer t, so that an answer can be decoded step by step. A class then has the number of its
    query token, and the last class marks the end of the answer."""

    points: ClassVar[bool] = False
    """Whether each query is linked to one source position, and the answer is the symbol there. Otherwise the oracle
    must find the answer to a query when all source positions without a link to it are HIDDEN."""

    necessary: ClassVar[bool] = False
    """Whether, with the default settings, the answer depends on every linked position: some other token there would
    change it, and neither the counts of the other tokens nor the token at one of the other positions reveal it."""

    drawn_together: ClassVar[int] = 8
    """How many batches training samples in one call: the cost of sampling is mostly that of its many small operations,
    and hardly grows with the number of examples."""

    presets: ClassVar[Presets] = {}
    """Published settings by name: those of the constructor, `length` and `test_lengths`, as in a suite."""

    @abstractmethod
    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        """Sample `size` examples of `length` on the device of the generator.

        Raises ValueError if `check_length` does.
        """

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        """Return the probability of each class at each scored query, for a predictor that has not read the source.

        One row stands for all queries if they are alike. A task with classes defines it, or else `chance` and
        `chance_entropy`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method prior")

    def chance(self, length: int) -> float:
        """Return the expected metric of the best predictor that has not read the source."""
        return float(self.prior(length).amax(1).mean())

    @abstractmethod
    def ceiling(self, length: int) -> float:
        """Return the expected metric of a perfect reader."""

    def chance_entropy(self, length: int) -> float:
        """Return the cross-entropy at chance, in nats a scored position; NaN if answers are real numbers or unknown."""
        if self.target_space.probabilistic:
            return self.chance(length)
        if not self.target_space.discrete or type(self).prior is Task.prior:
            return math.nan
        return float(torch.special.entr(self.prior(length)).sum(1).mean())

    def ceiling_entropy(self, length: int) -> float:
        """Return the cross-entropy of a perfect reader, in nats a scored position; NaN if unknown."""
        if self.target_space.probabilistic:
            return self.ceiling(length)
        return 0.0 if self.target_space.discrete and self.ceiling(length) == 1 else math.nan

    def bounds(self, length: int, batches: Sequence[Batch]) -> Bounds:
        """Return chance and ceiling on these examples. A task overrides it if it knows them for each example."""
        bounds = Bounds(
            self.chance(length),
            self.ceiling(length),
            chance_entropy=self.chance_entropy(length),
            ceiling_entropy=self.ceiling_entropy(length),
        )
        return self.with_error(bounds, batches)

    def with_error(self, bounds: Bounds, batches: Sequence[Batch]) -> Bounds:
        """Return the bounds with the standard error that chance has on these examples."""
        answers = sum(int(batch.scored.sum()) for batch in batches)
        return bounds._replace(error=self.target_space.error_of_chance(bounds.chance, answers))

    @abstractmethod
    def answer(self, batch: Batch) -> Tensor:
        """Return the oracle's answers, from source and query only, in the shape of the target."""

    def check_length(self, length: int) -> None:
        """Raise ValueError, with one sentence, if no example of this length exists."""
        if length < 1:
            raise ValueError(f"length is {length}, but must be at least 1")

    def length_weights(self, lengths: Sequence[int]) -> Float[Tensor, "n"] | None:
        """Return how likely each length is in training on mixed lengths; by default None, all are equally likely."""
        return None

    def accepts(self, length: int) -> bool:
        """Return whether examples of this length exist."""
        try:
            self.check_length(length)
        except ValueError:
            return False
        return True

    def words(self, part: Part) -> Sequence[str]:
        """Return the word for each token of the source or query, or each class of the target; by default its number."""
        spaces: dict[Part, Tokens | Features | TargetSpace] = {
            "source": self.source_space,
            "query": self.query_space,
            "target": self.target_space,
        }
        space = spaces[part]
        return [str(number) for number in range(space.size)] if space.discrete else []

    def tell(self, batch: Batch, row: int, language: str = "en") -> str | None:
        """Return an example as text in English ("en") or Chinese ("zh"); None if the words are readable enough."""
        return None

    def read_picture(self, lines: Sequence[str]) -> Float[Tensor, "s f"]:
        """Return the source that a picture in the docstring shows, if the example has a picture and no source row."""
        raise NotImplementedError(f"{type(self).__name__} has a picture in its docstring and no method read_picture")


def uniform(classes: int, of: int | None = None) -> Float[Tensor, "1 of"]:
    """Return the distribution in which the first `classes` of `of` classes (by default all) are equally likely."""
    row = torch.zeros(1, of or classes, dtype=torch.float64)
    row[0, :classes] = 1 / classes
    return row


TASKS = Registry[Task](
    "task", "tasks", properties=("family", "causal", "leaks", "feeds_back"), checks="tasks.conformance.task"
)


def draw_distinct(
    size: int, count: int, below: int, generator: torch.Generator, log_weights: Float[Tensor, "n"] | None = None
) -> Int[Tensor, "size count"]:
    """Sample `count` different whole numbers below `below` for each of `size` rows, in random order.

    Without `log_weights` all are equally likely. With them, numbers are sampled one after another without replacement,
    as the largest sums of log-weight and Gumbel noise (Yellott 1977; Efraimidis & Spirakis 2006).
    """
    noise = torch.rand(size, below, generator=generator, device=generator.device)
    if log_weights is not None:
        noise = log_weights.to(noise.device) - (-noise.clamp_min(1e-20).log()).log()
    return noise.topk(count, dim=1).indices
