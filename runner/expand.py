"""From a suite's entries to mechanisms and tasks with every setting checked and every list swept."""

from __future__ import annotations

import inspect
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard, TypeVar

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, SequenceModel, hyperparameters
from registry import Entry, Registry, UserError, nearest
from tasks import TASKS, Task

from . import seeds
from .probes import PROBES, Probe
from .suite import Choice, SuiteFile

T = TypeVar("T")

PLUGINS = "plugins"  # the word in a suite that stands for "all that did not come with the project"
PARTS: dict[str, Registry[Any]] = {"alignment": ALIGNMENTS, "normalizer": NORMALIZERS, "position": POSITIONS}
LENGTH_KEYS = ("length", "test_lengths")

Settings: TypeAlias = dict[str, Any]
Where: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Mechanism:
    """A model with its hyper-parameters; `entries` are the model's and its parts'."""

    label: str
    entry: Entry[SequenceModel]
    settings: Settings
    parts: dict[str, Entry[Any]]

    @property
    def alignment(self) -> str | None:
        return self.parts["alignment"].name if "alignment" in self.parts else None

    @property
    def entries(self) -> tuple[Entry[Any], ...]:
        return (self.entry, *self.parts.values())


@dataclass(frozen=True)
class TaskAt:
    """A task with its settings, at a trained length and the lengths it is tested at."""

    label: str
    entry: Entry[Task]
    settings: Settings
    length: int
    test_lengths: tuple[int, ...]
    task: Task


@dataclass(frozen=True)
class ProbeWith:
    entry: Entry[Probe]
    options: Settings


class Expansion:
    """Expands the entries of one suite file. Raises UserError naming the line of what is wrong."""

    def __init__(self, file: SuiteFile) -> None:
        self.file = file

    def mechanisms(self) -> list[Mechanism]:
        found: list[tuple[Entry[SequenceModel], Settings, dict[str, Entry[Any]]]] = []
        for index, choice in enumerate(self.file.suite.mechanisms):
            where: Where = ("mechanisms", index, choice.name)
            for entry in self._entries(MODELS, choice.name, where):
                for settings in sweep(_with_plugins(choice.settings)):
                    parts = self._parts(entry, settings, where)
                    self._check_model(entry, settings, parts, where)
                    found.append((entry, settings, parts))
        varied = {entry.name: _varied([s for e, s, _ in found if e is entry]) for entry, *_ in found}
        return [Mechanism(_label(e.name, s, varied[e.name]), e, s, parts) for e, s, parts in found]

    def tasks(self) -> list[TaskAt]:
        found = [t for i, choice in enumerate(self.file.suite.tasks) for t in self._expand_task(choice, i)]
        several = Counter(task.label for task in found)
        return [
            TaskAt(_task_label(t), t.entry, t.settings, t.length, t.test_lengths, t.task) if several[t.label] > 1 else t
            for t in found
        ]

    def probes(self) -> list[ProbeWith]:
        probes = []
        for index, choice in enumerate(self.file.suite.probes):
            where: Where = ("probes", index, choice.name)
            for entry in self._entries(PROBES, choice.name, where):
                self._check_names(entry, choice.settings, 0, where)
                self._construct(entry, choice.settings, where)
                probes.append(ProbeWith(entry, choice.settings))
        return probes

    def _expand_task(self, choice: Choice, index: int) -> Iterator[TaskAt]:
        where: Where = ("tasks", index, choice.name)
        for entry in self._entries(TASKS, choice.name, where):
            for settings in sweep(choice.settings, keep=("test_lengths",)):
                length, tests = self._lengths(entry.name, settings, where)
                own = {key: value for key, value in settings.items() if key not in LENGTH_KEYS}
                self._check_names(entry, own, 0, where, extra=LENGTH_KEYS)
                task = self._construct(entry, own, where)
                for n in tests:
                    try:
                        task.check_length(n)
                    except ValueError as error:
                        raise self.file.error((*where, "length"), f"{entry.name}: {error}") from None
                yield TaskAt(entry.name, entry, own, length, tests, task)

    def _lengths(self, name: str, settings: Settings, where: Where) -> tuple[int, tuple[int, ...]]:
        length = settings.get("length")
        if not _is_length(length):
            given = "is missing" if length is None else f"is {length!r}"
            sentence = f"{name}: length {given}; a whole number from 1 on was expected"
            raise self.file.error((*where, "length"), sentence)
        tests = settings.get("test_lengths", [length])
        if not isinstance(tests, list) or not all(_is_length(n) for n in tests):
            sentence = f"{name}: test_lengths is {tests!r}; a list of whole numbers from 1 on was expected"
            raise self.file.error((*where, "test_lengths"), sentence)
        return length, tuple(sorted({length, *tests}))

    def _parts(self, model: Entry[SequenceModel], settings: Settings, where: Where) -> dict[str, Entry[Any]]:
        """Return the entries of the model's alignment, normalizer and position scheme, where it has them."""
        parameters = inspect.signature(model.value).parameters
        parts = {}
        for kind, registry in PARTS.items():
            if kind in parameters:
                choice = settings.get(kind, parameters[kind].default)
                try:
                    parts[kind] = registry.entry(_name(choice))
                except UserError as error:
                    raise self.file.error((*where, kind), str(error)) from None
        return parts

    def _check_model(
        self, entry: Entry[SequenceModel], settings: Settings, parts: dict[str, Entry[Any]], where: Where
    ) -> None:
        self._check_names(entry, settings, 1, where)
        # A plugin is built in its own cell's process only, where nothing it does harms the run.
        if not any(part.origin.is_plugin for part in (entry, *parts.values())):
            self._construct(entry, settings, where, self.file.suite.train.width)

    def _entries(self, registry: Registry[T], name: str, where: Where) -> list[Entry[T]]:
        if name == PLUGINS:
            return plugins_of(registry)
        try:
            return [registry.entry(name)]
        except UserError as error:
            raise self.file.error(where, str(error)) from None

    def _check_names(
        self, entry: Entry[Any], settings: Settings, positional: int, where: Where, extra: tuple[str, ...] = ()
    ) -> None:
        known = hyperparameters(entry.value, positional, {"causal": True})
        for key in settings:
            if known is not None and key not in known:
                near = nearest(key, [*known, *extra]) or " It has none."
                raise self.file.error((*where, key), f"{entry.name} has no setting '{key}'.{near}")
            wrong = _wrong_type(known[key].annotation, settings[key]) if known is not None else None
            if wrong is not None:
                raise self.file.error((*where, key), f"{entry.name}: {key} is {settings[key]!r}; {wrong} was expected")

    def _construct(self, entry: Entry[T], settings: Settings, where: Where, *arguments: object) -> T:
        try:
            with seeds.scoped("plan"):
                return entry.value(*arguments, **settings)
        except (ValueError, TypeError, UserError) as error:
            first = (str(error).splitlines() or ["it cannot be built"])[0]
            raise self.file.error(where, f"{entry.name}: {first}") from None


def plugins_of(registry: Registry[T]) -> list[Entry[T]]:
    return [entry for entry in registry.entries() if entry.origin.is_plugin]


def sweep(settings: Settings, keep: tuple[str, ...] = ()) -> Iterator[Settings]:
    """Yield every combination of the values that are lists, except of the keys in `keep`."""
    swept = [key for key, value in settings.items() if isinstance(value, list) and key not in keep]
    for values in itertools.product(*(settings[key] for key in swept)):
        yield {**settings, **dict(zip(swept, values, strict=True))}


def _with_plugins(settings: Settings) -> Settings:
    """Replace the word "plugins" in lists of alignments and the like by all there are."""

    def expand(kind: str, value: Any) -> Any:
        if kind not in PARTS or not isinstance(value, list) or PLUGINS not in value:
            return value
        named = [choice for choice in value if choice != PLUGINS]
        return named + [e.name for e in plugins_of(PARTS[kind]) if e.name not in named]

    return {key: expand(key, value) for key, value in settings.items()}


def _is_length(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _wrong_type(annotation: Any, value: Any) -> str | None:
    """Return what was expected where a plainly annotated setting got something else."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    types: dict[str, tuple[tuple[type, ...], str]] = {
        "int": ((int,), "a whole number"),
        "float": ((int, float), "a number"),
        "bool": ((bool,), "true or false"),
        "str": ((str,), "a word"),
    }
    if name not in types:
        return None
    accepted, expected = types[name]
    return None if isinstance(value, accepted) and (name == "bool" or not isinstance(value, bool)) else expected


def _name(choice: Any) -> str:
    return str(next(iter(choice))) if isinstance(choice, dict) and choice else str(choice)


def _varied(settings: list[Settings]) -> set[str]:
    """Return the keys whose values differ between entries of one model: the label must tell them apart."""
    keys = {key for each in settings for key in each}
    return {key for key in keys if len({json.dumps(each.get(key)) for each in settings}) > 1}


def _label(model: str, settings: Settings, varied: set[str]) -> str:
    shown = [_shown(key, settings[key]) for key in settings if key in varied or key == "alignment"]
    return f"{model}({', '.join(shown)})" if shown else model


def _shown(key: str, value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        return f"{name}({', '.join(f'{k}={v}' for k, v in (inner or {}).items())})"
    return str(value) if isinstance(value, str) else f"{key}={value}"


def _task_label(task: TaskAt) -> str:
    settings = {**task.settings, "length": task.length}
    return f"{task.entry.name}({', '.join(f'{key}={value}' for key, value in settings.items())})"
