"""What a probe yields and what it changes, observed once for all checks, because some probes take seconds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn

from registry import Quantity
from results import Measurement

from ..probes import Probe, Subject
from .subjects import trained_subjects, untrained_subjects


@dataclass(frozen=True)
class Observation:
    """One call of a probe: what it yielded for a subject, the error that ended it, and what it changed."""

    subject: str
    yielded: list[Any] = field(default_factory=list)
    error: str = ""
    changed: list[str] = field(default_factory=list)
    generators: list[str] = field(default_factory=list)
    of_the_task: tuple[Quantity, ...] = ()
    """The quantities that the space of the task's targets declares."""

    @property
    def measurements(self) -> list[Measurement]:
        return [each for each in self.yielded if isinstance(each, Measurement)]

    @property
    def values(self) -> list[tuple[str, list[tuple[str, int | str]], float]]:
        """The quantities, coordinates and values."""
        return [(each.quantity, sorted(each.at.items()), each.value) for each in self.measurements]


def observe(value: type[Probe], seed: int = 0) -> Iterator[Observation]:
    """Measure every subject with a new probe, and yield what was observed. `seed` is that of untrained weights."""
    if value.measures_untrained():
        for name, subject in untrained_subjects(seed):
            yield _observation(name, None, value().untrained(subject))
    if value.measures_trained():
        for name, subject in trained_subjects():
            yield _observation(name, subject, value().trained(subject))


# Any, because mypy does not accept a class as an argument of a cached function.
observed: Callable[[Any], tuple[Observation, ...]] = lru_cache(maxsize=1)(lambda value: tuple(observe(value)))
"""Observes the probe on every subject. The last result is kept."""


def _observation(name: str, trained: Subject | None, measuring: Iterable[Any]) -> Observation:
    network = trained.network if trained else nn.Module()
    of_the_task = trained.task.target_space.quantities if trained else ()
    before, generators = _state(network), _generators()
    yielded: list[Any] = []
    error = ""
    try:
        yielded.extend(measuring)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    changed, after = _changed(before, _state(network)), _generators()
    moved = [which for which in after if after[which] != generators[which]]
    return Observation(name, yielded, error, changed, moved, of_the_task)


def _state(network: nn.Module) -> dict[str, Any]:
    """Return the parameters and buffers, whether parameters are trained, and the mode of each part, by name."""
    state: dict[str, Any] = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    state |= {f"requires_grad of {name}": parameter.requires_grad for name, parameter in network.named_parameters()}
    return state | {
        f"training mode of {name or 'the network'}": part.training for name, part in network.named_modules()
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    names = before.keys() | after.keys()
    return sorted(name for name in names if not _same(before.get(name), after.get(name)))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return bool(one == other)


def _generators() -> dict[str, Any]:
    """Return the states of the global random generators, as values that can be compared."""
    _, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.random.get_rng_state().tolist(),
        "Python": random.getstate(),
        "NumPy": (np.asarray(keys).tolist(), *rest),
    }
