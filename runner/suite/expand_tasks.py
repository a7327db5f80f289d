"""From a suite's entries to tasks at their lengths: presets filled in, lists swept, and what comes before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from pydantic import ValidationError

from registry import Entry, UserError, suggestion
from tasks import TASKS, Task

from .entries import Entries, Settings, Where, sweep
from .schema import Choice

LENGTH_KEYS = ("length", "test_lengths")
KEYS = (*LENGTH_KEYS, "preset", "pretrain")


@dataclass(frozen=True)
class TaskAt:
    """A task with its settings, at the lengths it is trained at, from `shortest` to `length`, and tested at."""

    label: str
    entry: Entry[Task]
    settings: Settings
    length: int
    shortest: int
    test_lengths: tuple[int, ...]
    task: Task
    given: str = ""  # its settings as the suite has them, for a label that tells it from others
    pretraining: Pretraining | None = None

    @property
    def entries(self) -> tuple[Entry[Task], ...]:
        return (self.entry, *(self.pretraining.task.entries if self.pretraining else ()))

    def full_label(self) -> str:
        """Return the label with everything that can tell it from another of the same name."""
        behind = f" after {self.pretraining.full_label()}" if self.pretraining else ""
        return f"{self.entry.name}({self.given}){behind}"


@dataclass(frozen=True)
class Pretraining:
    """What a network is trained on first, and for how many steps (the recipe's where None)."""

    task: TaskAt
    steps: int | None

    def full_label(self) -> str:
        steps = f" for {self.steps} steps" if self.steps else ""
        return f"{self.task.full_label()}{steps}"


class TaskExpansion(Entries):
    """Expands the tasks of one suite file. Raises UserError naming the line of what is wrong."""

    def tasks(self) -> list[TaskAt]:
        found = [
            task
            for index, choice in enumerate(self.file.suite.tasks)
            for task in self._expand(choice, ("tasks", index, choice.name))
        ]
        several = Counter(task.label for task in found)
        return [replace(task, label=task.full_label()) if several[task.label] > 1 else task for task in found]

    def _expand(self, choice: Choice, where: Where) -> Iterator[TaskAt]:
        for entry in self.entries(TASKS, choice.name, where):
            for settings in sweep(choice.settings, keep=LENGTH_KEYS):
                yield self._task(entry, settings, where)

    def _task(self, entry: Entry[Task], given: Settings, where: Where) -> TaskAt:
        try:
            settings = {**preset_settings(entry, given.get("preset")), **given}
        except UserError as error:
            raise self.file.error((*where, "preset"), str(error)) from None
        own = {key: value for key, value in settings.items() if key not in KEYS}
        self.check_names(entry, own, 0, where, extra=KEYS)
        shortest, length, tests = self._lengths(entry.name, settings, where)
        task = self.construct(entry, own, where)
        tested = tuple(sorted({length, *tests}))
        for n in tested:
            try:
                task.check_length(n)
            except ValueError as error:
                raise self.file.error((*where, "length"), f"{entry.name}: {error}") from None
        pretraining = self._pretraining(entry.name, settings.get("pretrain"), where)
        label = f"{entry.name} after {pretraining.task.entry.name}" if pretraining else entry.name
        return TaskAt(label, entry, own, length, shortest, tested, task, _shown(given), pretraining)

    def _lengths(self, name: str, settings: Settings, where: Where) -> tuple[int, int, list[int]]:
        given = settings.get("length")
        between: list[Any] = given if isinstance(given, list) else [given, given]
        if len(between) != 2 or not all(map(_is_length, between)) or between[0] > between[1]:
            told = "is missing" if given is None else f"is {given!r}"
            expected = "a whole number from 1 on, or [shortest, longest] to train on mixed lengths, was expected"
            raise self.file.error((*where, "length"), f"{name}: length {told}; {expected}")
        tests = settings.get("test_lengths", [])
        if not isinstance(tests, list) or not all(map(_is_length, tests)):
            sentence = f"{name}: test_lengths is {tests!r}; a list of whole numbers from 1 on was expected"
            raise self.file.error((*where, "test_lengths"), sentence)
        return between[0], between[1], tests

    def _pretraining(self, name: str, given: Any, where: Where) -> Pretraining | None:
        if given is None:
            return None
        where = (*where, "pretrain")
        try:
            choice = Choice.model_validate(given)
        except ValidationError:
            sentence = (
                f"{name}: pretrain is {given!r}; a task with its settings, as {{task: {{length: 32}}}}, was expected"
            )
            raise self.file.error(where, sentence) from None
        settings = dict(choice.settings)
        steps = settings.pop("steps", None)
        if steps is not None and not _is_length(steps):
            raise self.file.error(where, f"{name}: pretrain: steps is {steps!r}; a whole number from 1 on was expected")
        tasks = list(self._expand(choice.model_copy(update={"settings": settings}), (*where, choice.name)))
        if len(tasks) != 1:
            raise self.file.error(where, f"{name}: pretrain names {len(tasks)} tasks; list them under pretrain instead")
        return Pretraining(tasks[0], steps)


def preset_settings(entry: Entry[Task], name: Any) -> Settings:
    """Return the settings of a task's preset, none for None; UserError with the nearest one where there is no such."""
    if name is None:
        return {}
    presets = entry.value.presets
    if str(name) not in presets:
        near = suggestion(str(name), presets) or " It has none."
        raise UserError(f"{entry.name} has no preset '{name}'.{near}")
    return dict(presets[str(name)])


def _shown(given: Settings) -> str:
    """Return "zoology-64, vocabulary=256, length=1-40": a preset, then what is set beside it."""
    own = {key: value for key, value in given.items() if key not in ("preset", "pretrain", "test_lengths")}
    # The length last, where people look for it.
    own |= {"length": own.pop("length")} if "length" in own else {}
    parts = [f"{key}={'-'.join(map(str, value)) if isinstance(value, list) else value}" for key, value in own.items()]
    return ", ".join([str(given["preset"]), *parts] if given.get("preset") else parts)


def _is_length(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
