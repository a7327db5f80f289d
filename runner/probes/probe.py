"""The contract of a probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from mechanisms import SequenceModel
from registry import Quantity, Registered, Registry
from results import Measurement
from tasks import Task

from ..training.data import Examples
from ..training.network import Network
from ..training.recipe import Recipe
from ..training.trainer import Progress, Trainer


@dataclass(frozen=True)
class Subject:
    """What a probe measures: a mechanism, and after training the network around it.

    `build()` makes a freshly initialised mechanism, the same at every call, and `build(layer=3)` one of a single layer,
    with other weights for each number; `generator(purpose)` makes a fresh random stream, the same for every mechanism.
    `trainer` is there after training, with the longest `length` that was trained on.
    """

    build: Callable[..., SequenceModel]
    recipe: Recipe
    device: torch.device
    generator: Callable[[str], torch.Generator]
    progress: Progress = lambda done, total: None
    trainer: Trainer | None = None
    length: int = 0
    test_lengths: tuple[int, ...] = ()

    @property
    def trained(self) -> Trainer:
        """The trainer after training. Raises ValueError before it."""
        if self.trainer is None:
            raise ValueError("this mechanism has not been trained")
        return self.trainer

    @property
    def network(self) -> Network:
        return self.trained.network

    @property
    def task(self) -> Task:
        return self.trained.task

    def examples(self, length: int, purpose: str) -> Examples:
        """Draw the recipe's number of test examples of one length."""
        stream = self.generator(f"{purpose} {length}")
        return Examples.draw(self.task, length, self.recipe.test_examples, 4 * self.recipe.batch, stream, self.device)


class Probe(Registered):
    """Measures a mechanism before training, after it, or both: whichever method is overridden.

    A constructor takes the probe's options as keywords.
    """

    quantities: ClassVar[tuple[Quantity, ...]] = ()
    """What it measures. A trial fails where a probe yields what it does not declare."""

    alone: ClassVar[bool] = False
    """It must not share the machine, as timings must not."""

    rounds: int = 1
    """How many trials measure a mechanism where the probe is `alone`. All mechanisms are measured in one round before
    the next one begins, so that whatever slows the machine down for a while slows them all."""

    about_seconds: float = 1.0
    """About how long a trial without training takes: `plan` adds it up."""

    seeded: ClassVar[bool] = True
    """False where nothing depends on the initial weights, so that one seed is enough."""

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        """Measure an untrained mechanism, without a task."""
        raise NotImplementedError

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        """Measure a network that was trained on a task."""
        raise NotImplementedError

    @classmethod
    def measures_untrained(cls) -> bool:
        return cls.untrained is not Probe.untrained

    @classmethod
    def measures_trained(cls) -> bool:
        return cls.trained is not Probe.trained


STATE = Quantity("state", "decoding state", "bytes", better="lower", over=("length",))
"""What is kept of a sequence while it is decoded; two probes measure it."""

PROBES: Registry[Probe] = Registry("probe", "runner.probes", checks="runner.conformance.probe")
