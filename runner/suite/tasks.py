"""The tasks of a suite with their lengths, their presets, and the tasks for pre-training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias, TypeGuard

from registry import Spec, SpecError, UserError, suggestion
from registry.errors import written
from registry.spec import split
from tasks import TASKS, TargetSpace, Task

from ..isolation import tried, why
from ..training.recipe import MOST
from ..trial.measure import quantities
from .expand import LARGEST, Expansion, Where
from .file import SuiteFile
from .mechanisms import MechanismExpansion

LENGTH = f"a whole number from 1 to {LARGEST:,}"
LENGTH_KEYS = ("length", "test_lengths")
KEYS = (*LENGTH_KEYS, "steps", "preset", "pretrain", "ladder", "mechanisms")
NOT_IN_PRETRAIN = {
    "test_lengths": "the first task is not tested",
    "mechanisms": "those of the second task are trained on both",
    "ladder": "the first task has one setting",
}

Fields: TypeAlias = dict[str, Any]
"""The fields of a trial about its tasks and their lengths, and beside them, if the task sets them, the `steps` of its
training and its own `mechanisms`."""


class TaskExpansion(Expansion):
    """Reads the tasks of one suite file.

    `mechanisms` reads those that a task has of its own. `spaces` are the target spaces of the tasks. `unavailable` has
    the reason for each plug-in that cannot be built, by name.
    """

    def __init__(self, file: SuiteFile) -> None:
        super().__init__(file, TASKS, KEYS, (*LENGTH_KEYS, "steps", "ladder", "mechanisms"))
        self.mechanisms = MechanismExpansion(file)
        self.unavailable: dict[str, str] = {}
        self.spaces: list[TargetSpace] = []

    def tasks(self) -> list[Fields]:
        entries = enumerate(self.file.suite.tasks)
        return [fields for index, entry in entries for fields in self._entry(entry, ("tasks", index))]

    def _entry(self, entry: object, where: Where) -> Iterator[Fields]:
        for name, given, at in self.choices(entry, where):
            for one in self._rungs(name, given, at):
                fields = self._task(name, one, at)
                if fields is not None:
                    yield fields

    def _rungs(self, name: str, given: dict[str, Any], where: Where) -> Iterator[dict[str, Any]]:
        """Yield what is given for each rung of the ladder, or once where there is none."""
        ladder = given.get("ladder")
        if ladder is None:
            yield given
            return
        setting, rungs = next(iter(ladder.items())) if isinstance(ladder, dict) and len(ladder) == 1 else ("", [])
        if not isinstance(rungs, list) or len(rungs) < 2 or not _increases(rungs):
            expected = "one setting with two increasing numbers or more, as {items: [4, 8, 16]}, was expected"
            raise self.file.error((*where, "ladder"), f"{name}: ladder is {written(ladder)}; {expected}")
        if setting in given or (setting in KEYS and setting != "length"):
            problem = "given beside its ladder; leave it out" if setting in given else "no setting for a ladder"
            raise self.file.error((*where, "ladder"), f"{name}: {setting} is {problem}")
        for rung in rungs:
            yield {**given, setting: rung}

    def _task(self, name: str, given: Mapping[str, Any], where: Where) -> Fields | None:
        """Return the fields of one task, None for a plug-in that cannot be built."""
        try:
            settings = {**preset_settings(name, given.get("preset")), **given}
        except UserError as error:
            raise self.file.error((*where, "preset"), str(error)) from None
        about_task = {key: value for key, value in given.items() if key != "mechanisms"}
        spec = replace(self.spec(name, settings, where), given=about_task)
        shortest, longest, tests = self._lengths(name, settings, where)
        tested = tuple(sorted({longest, *tests}))
        space = self._built(spec, where, tested)
        if space is None:
            return None
        self.spaces.append(space)
        fields = {"task": spec, "trained_length": longest, "shortest_length": shortest, "test_lengths": tested}
        beside = self._steps(name, settings, where) | self._own_mechanisms(name, settings, where)
        return fields | beside | self._earlier(name, settings.get("pretrain"), where)

    def _steps(self, name: str, settings: Mapping[str, Any], where: Where) -> Fields:
        steps = settings.get("steps")
        if steps is not None and not _is_whole(steps, MOST):
            sentence = f"{name}: steps is {written(steps)}; a whole number from 1 to {MOST:,} was expected"
            raise self.file.error((*where, "steps"), sentence)
        return {} if steps is None else {"steps": steps}

    def _own_mechanisms(self, name: str, settings: Mapping[str, Any], where: Where) -> Fields:
        if "mechanisms" not in settings:
            return {}
        entries, where = settings["mechanisms"], (*where, "mechanisms")
        if not isinstance(entries, list) or not entries:
            sentence = f"{name}: mechanisms is {written(entries)}; a list such as [lstm, transformer] was expected"
            raise self.file.error(where, sentence)
        try:
            return {"mechanisms": self.mechanisms.read(entries, where)}
        except SpecError as error:
            raise self.file.error(where, f"{name}: {error}") from None

    def _built(self, spec: Spec, where: Where, lengths: Sequence[int]) -> TargetSpace | None:
        """Construct a task, check the lengths, and return its target space; None for a plug-in that fails."""

        def build() -> TargetSpace:
            task: Task = self.build(spec, where)
            for length in lengths:
                task.check_length(length)
            # What the plan reads of a task beside that.
            quantities((), [task.target_space])
            tuple(spec.value.depends_on(spec.settings))
            return task.target_space

        is_plugin = TASKS.entry(spec.name).origin.is_plugin
        try:
            return tried(build) if is_plugin else build()
        except UserError:
            raise
        except ValueError as error:
            raise self.file.error((*where, "length"), f"{spec.name}: {error}") from None
        except Exception as error:
            if not is_plugin:
                raise
            self.unavailable[spec.name] = f"it cannot be built: {why(error)}"
            return None

    def _lengths(self, name: str, settings: Mapping[str, Any], where: Where) -> tuple[int, int, list[int]]:
        given = settings.get("length")
        between: list[Any] = given if isinstance(given, list) else [given, given]
        if len(between) != 2 or not all(map(_is_length, between)) or between[0] > between[1]:
            problem = "is missing" if given is None else f"is {written(given)}"
            expected = f"{LENGTH}, or [shortest, longest] to train on mixed lengths, was expected"
            raise self.file.error((*where, "length"), f"{name}: length {problem}; {expected}")
        tests = settings.get("test_lengths", [])
        if not isinstance(tests, list) or not all(map(_is_length, tests)):
            sentence = (
                f"{name}: test_lengths is {written(tests)}; a list of whole numbers from 1 to {LARGEST:,} was expected"
            )
            raise self.file.error((*where, "test_lengths"), sentence)
        return between[0], between[1], tests

    def _earlier(self, name: str, given: Any, where: Where) -> Fields:
        if given is None:
            return {}
        where = (*where, "pretrain")
        try:
            earlier, settings = split(given, "task")
        except SpecError:
            expected = "a task with its settings, as {task: {length: 32}}, was expected"
            sentence = f"{name}: pretrain is {written(given)}; {expected}"
            raise self.file.error(where, sentence) from None
        for key, reason in NOT_IN_PRETRAIN.items():
            if key in settings:
                sentence = f"{name}: pretrain has {key}, but {reason}; leave it out"
                raise self.file.error((*where, earlier, key), sentence)
        tasks = list(self._entry({earlier: settings}, where))
        if len(tasks) != 1:
            raise self.file.error(
                where, f"{name}: pretrain has {len(tasks)} tasks in one entry; make a list of entries under pretrain"
            )
        (fields,) = tasks
        if "earlier" in fields:
            raise self.file.error(where, f"{name}: pretrain contains another pretrain; there can be only one")
        return {
            "earlier": fields["task"],
            "earlier_length": fields["trained_length"],
            "earlier_shortest_length": fields["shortest_length"],
            "earlier_steps": fields.get("steps", self.file.suite.train.steps),
        }


def preset_settings(task: str, name: Any) -> Mapping[str, Any]:
    """Return the settings of a preset of a task, none for None. Raises UserError for an unknown preset."""
    presets = TASKS[task].presets
    if name is None:
        return {}
    if str(name) not in presets:
        hint = suggestion(str(name), presets) or " It has none."
        raise UserError(f"{task} has no preset {written(name)}.{hint}")
    return presets[str(name)]


def _increases(numbers: list[Any]) -> bool:
    known = all(isinstance(each, int | float) and not isinstance(each, bool) for each in numbers)
    return known and all(one < other for one, other in pairwise(numbers))


def _is_length(value: object) -> TypeGuard[int]:
    return _is_whole(value, LARGEST)


def _is_whole(value: object, largest: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= largest
