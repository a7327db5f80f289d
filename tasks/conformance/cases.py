"""What the checks of a task are run on: the task with its default settings, sampled at two lengths."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import NamedTuple

import torch

from registry import Check, CheckError

from ..task import Batch, Task

SIZE = 512
LENGTHS = (13, 31)
"""The first possible lengths from these on are checked."""
LONGEST = 4095
SPREADS = 5
"""How many standard errors a check allows: it runs often, and must not fail by chance."""


class Case(NamedTuple):
    """A task, a length, and a batch of that length."""

    task: Task
    length: int
    batch: Batch


# Cached, because every check asks for the cases of the same class.
@lru_cache(maxsize=2)
def cases(value: type[Task]) -> tuple[Case, ...]:
    """Build the task and sample it at each length. Raises CheckError if no length is possible."""
    task = value()
    firsts = [next((n for n in range(least, LONGEST + 1) if task.accepts(n)), None) for least in LENGTHS]
    lengths = sorted({length for length in firsts if length is not None})
    if not lengths:
        raise CheckError(
            f"check_length raises ValueError for every length from {LENGTHS[0]} to {LONGEST}: is a comparison in it "
            "the wrong way round?"
        )
    return tuple(Case(task, length, sampled(task, length)) for length in lengths)


def sampled(task: Task, length: int, seed: int = 1, size: int = SIZE) -> Batch:
    return task.sample(length, size, torch.Generator().manual_seed(seed))


def at_each_length(check: Callable[[Task, int, Batch], None]) -> Check:
    """Make a check of a class from one of a task, a length and a batch."""

    @wraps(check)
    def of_class(value: type[Task]) -> None:
        for case in cases(value):
            check(*case)

    return of_class


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise CheckError(message)
