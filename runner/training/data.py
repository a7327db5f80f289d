"""The data of a network: new batches for training, and fixed examples with chance and ceiling for evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tasks import Batch, Bounds, Task

LARGEST = 2**24  # the most links that are sampled at once: batches times examples times the square of the length
VALIDATED = 8  # the most lengths of the training data that are validated


def lengths_between(task: Task, shortest: int, longest: int) -> list[int]:
    """Return the lengths from `shortest` to `longest` for which the task has examples."""
    return [length for length in range(shortest, longest + 1) if task.accepts(length)]


def spread(lengths: Sequence[int], most: int = VALIDATED) -> list[int]:
    """Return at most `most` of the lengths, evenly spaced, with the first and the last."""
    if len(lengths) <= most:
        return list(lengths)
    return [lengths[round(i * (len(lengths) - 1) / (most - 1))] for i in range(most)]


class TrainingData:
    """New batches, one for each step. With several lengths, each batch has one of them, as likely as the task says.

    With one length, several batches are sampled at once, as many as the task says, because the cost of sampling is
    mostly that of its many small operations. The state can be saved and loaded.
    """

    def __init__(
        self,
        task: Task,
        lengths: Sequence[int],
        batch: int,
        generator: torch.Generator,
        order: torch.Generator | None = None,
    ) -> None:
        if len(lengths) > 1 and order is None:
            raise ValueError("several lengths need a generator for their order")
        self.task, self.lengths, self.batch = task, list(lengths), batch
        self.generator, self.order = generator, order
        self.weights = task.length_weights(lengths) if len(lengths) > 1 else None
        most = LARGEST // (batch * self.lengths[-1] ** 2) if len(lengths) == 1 else 1
        self.at_once = min(task.drawn_together, max(1, most))
        self._taken = 0
        self._before = self._states()
        self._batches: Iterator[Batch] = iter(())

    def next(self) -> Batch:
        if self._taken % self.at_once == 0:
            self._draw()
        self._taken += 1
        return next(self._batches)

    def _draw(self) -> None:
        self._before = self._states()
        drawn = self.task.sample(self._length(), self.at_once * self.batch, self.generator)
        self._batches = drawn.split(self.batch)

    def _length(self) -> int:
        if self.order is None or len(self.lengths) == 1:
            return self.lengths[0]
        # The generator of the order is on the CPU, so that a length is read without waiting for a device.
        if self.weights is not None:
            return self.lengths[int(torch.multinomial(self.weights, 1, generator=self.order))]
        return self.lengths[int(torch.randint(len(self.lengths), (), generator=self.order))]

    def _states(self) -> list[Tensor]:
        return [each.get_state() for each in (self.generator, self.order) if each is not None]

    def state(self) -> dict[str, object]:
        """Return the states of the generators before the current batches were sampled, and how many were taken."""
        return {"before": self._before, "taken": self._taken}

    def load_state(self, state: dict[str, Any]) -> None:
        for each, before in zip((self.generator, self.order), state["before"], strict=False):
            assert each is not None
            each.set_state(before)
        self._taken = int(state["taken"])
        if self._taken:
            self._draw()
            for _ in range((self._taken - 1) % self.at_once + 1):
                next(self._batches)


@dataclass(frozen=True)
class Examples:
    """Examples of one length, with chance and ceiling of the metric on them, and what their difference is sure to."""

    length: int
    batches: list[Batch]
    bounds: Bounds

    @classmethod
    def draw(
        cls, task: Task, length: int, examples: int, batch: int, source: torch.Generator, device: torch.device
    ) -> Examples:
        """Sample `examples` examples in batches of at most `batch`."""
        sizes = [min(batch, examples - done) for done in range(0, examples, batch)]
        return cls.of(task, length, [task.sample(length, size, source).to(device) for size in sizes])

    @classmethod
    def of(cls, task: Task, length: int, batches: list[Batch]) -> Examples:
        return cls(length, batches, Bounds(*task.bounds(length, batches)))
