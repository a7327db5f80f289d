"""Shortcut floors: what readers that cannot attend score on a task, as `python -m benchmarks.shortcut_floors` found.

A network that scores no more than the best of these readers need not have attended to anything.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

import torch
import yaml

from registry import Spec

from .task import Batch, Task

PATH = Path(__file__).with_name("floors.yaml")
EXAMPLES = 64  # of the sample that tells whether a task has changed

READERS = {
    "bag": "the tokens of the source without their order",
    "bigrams": "the pairs of neighbours in the source without their order",
    "trigrams": "the triples of neighbours in the source without their order",
    "set": "the vectors of the source without their order",
    "first 4": "the first four tokens or vectors of the source in order",
    "last 4": "the last four tokens or vectors of the source in order",
    "queries": "the four queries before this one, and the four after it where the task lets a query see later ones",
}
"""What each reader sees besides the query and its position."""

Floors: TypeAlias = Mapping[str, float]
"""The normalised score of each reader: 0 is chance and 1 the ceiling."""


def shortcut_floors(spec: Spec, length: int) -> Floors | None:
    """Return the floors of a task at a length; None where they were not measured, or the task has changed since."""
    entry = measured(spec).get(length)
    if entry is None or entry["digest"] != task_digest(spec.build(), length):
        return None
    floors: Floors = entry["floors"]
    return floors


def best_reader(floors: Floors) -> tuple[str, float]:
    """Return the reader with the highest score, and its score."""
    name = max(floors, key=lambda reader: floors[reader])
    return name, floors[name]


def measured(spec: Spec) -> Mapping[int, Mapping[str, Any]]:
    """Return what is stored for a task, by length: the floors, and the digest of the task when they were measured."""
    return read_file().get(spec.identity, {})


@functools.cache
def read_file() -> Mapping[str, Mapping[int, Mapping[str, Any]]]:
    """Return all that is stored, by the identity of the task's spec."""
    return yaml.safe_load(PATH.read_text(encoding="utf-8")) or {}


def task_digest(task: Task, length: int) -> str:
    """Return a digest of what a task samples, of chance and of the ceiling: what the floors depend on.

    It changes when the examples or their bounds do, and not when code is only rewritten. It is "" for a length that the
    task does not accept.
    """
    if not task.accepts(length):
        return ""
    batch = task.sample(length, EXAMPLES, torch.Generator().manual_seed(length))
    bounds = task.bounds(length, [batch])
    told = f"{batch_digest(batch)} {bounds.chance:.6f} {bounds.ceiling:.6f}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def batch_digest(batch: Batch) -> str:
    """Return a digest of all tensors of a batch; real numbers count to about 1e-5."""
    hasher = hashlib.sha256()
    for field in fields(batch):
        value = getattr(batch, field.name)
        if value is not None:
            whole = (value.double() * 2**16).round() if value.is_floating_point() else value
            hasher.update(str(tuple(value.shape)).encode() + whole.long().cpu().numpy().tobytes())
    return hasher.hexdigest()[:16]
