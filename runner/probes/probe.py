"""The contract of a probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from mechanisms import SequenceModel
from registry import Registry
from results import Measurement
from tasks import Task

from ..training.network import Network
from ..training.trainer import History


@dataclass(frozen=True)
class Subject:
    """A mechanism to be measured: `build()` makes a freshly initialised one, the same at every call."""

    build: Callable[[], SequenceModel]
    width: int
    device: torch.device
    generator: Callable[[str], torch.Generator]  # a fresh random stream for what it is called
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True)
class Trained:
    """A network after training on a task."""

    network: Network
    history: History
    task: Task
    length: int
    test_lengths: tuple[int, ...]
    test_examples: int
    batch: int
    device: torch.device
    generator: Callable[[str], torch.Generator]


class Probe:
    """Measures a mechanism before training, after it, or both: whichever method is overridden.

    A constructor takes the probe's options as keywords.
    """

    alone: ClassVar[bool] = False  # True for what must not share the machine, such as timings
    seeded: ClassVar[bool] = True  # False where nothing depends on the initial weights, so that one seed is enough

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        """Measure an untrained mechanism, without a task."""
        raise NotImplementedError

    def trained(self, trained: Trained) -> Iterator[Measurement]:
        """Measure a network that was trained on a task."""
        raise NotImplementedError

    @classmethod
    def measures_untrained(cls) -> bool:
        return cls.untrained is not Probe.untrained

    @classmethod
    def measures_trained(cls) -> bool:
        return cls.trained is not Probe.trained


PROBES: Registry[Probe] = Registry("probe", "runner.probes")
