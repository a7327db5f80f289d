"""Chance, the ceiling and the shortcut floors of a task with its default settings, as `info` and docs/tasks.md say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from registry import Spec
from results.store.formats import ABSENT
from tasks import TASKS, Task
from tasks.floors import Floors, best_reader, measured, shortcut_floors

from .examples import FIRST_LENGTH, default_length

NOTED = 0.05  # a score below it may be luck


class TaskBounds(NamedTuple):
    """The metric of chance and of a perfect reader at a length; `floors` is None where they were not measured."""

    length: int
    chance: float
    ceiling: float
    floors: Floors | None

    def __str__(self) -> str:
        metrics = f"chance {self.chance:.3g}, ceiling {self.ceiling:.3g}"
        return f"{metrics}, normalised score of the best simple reader {best(self.floors)}"


def best(floors: Floors | None) -> str:
    """Return the name of the best reader and its score, the name only if the score is not luck."""
    if floors is None:
        return ABSENT
    reader, value = best_reader(floors)
    return f"{score(value)} ({reader})" if value >= NOTED else score(value)


def score(value: float) -> str:
    # Adding zero makes 0 of -0.
    return f"{round(value, 2) + 0.0:.2f}"


def task_bounds(name: str) -> Iterator[TaskBounds]:
    """Yield the bounds at each length at which the floors were measured, otherwise at the default length."""
    spec = TASKS.spec(name)
    task: Task = spec.build()
    for length in _lengths(spec, task):
        yield _bounds(spec, task, length)


def overview(name: str) -> TaskBounds:
    """Return the bounds at the first of these lengths that is no toy."""
    spec = TASKS.spec(name)
    task: Task = spec.build()
    lengths = _lengths(spec, task)
    return _bounds(spec, task, next((length for length in lengths if length >= FIRST_LENGTH), lengths[-1]))


def _lengths(spec: Spec, task: Task) -> list[int]:
    return sorted(filter(task.accepts, measured(spec))) or [default_length(task)]


def _bounds(spec: Spec, task: Task, length: int) -> TaskBounds:
    return TaskBounds(length, task.chance(length), task.ceiling(length), shortcut_floors(spec, length))
