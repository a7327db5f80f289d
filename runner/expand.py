"""From a suite's entries to mechanisms and tasks with every setting checked and every list swept."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeGuard, TypeVar

from mechanisms import MODELS, SequenceModel, hyperparameters
from mechanisms.combine import PARTS, refusal, slots
from registry import Entry, Registry, UserError, nearest
from tasks import TASKS, Task

from . import seeds, sizes
from .network import parameter_count
from .probes import PROBES, Probe
from .suite import Choice, SuiteFile

T = TypeVar("T")

PLUGINS = "plugins"  # the word in a suite that stands for "all that did not come with the project"
LENGTH_KEYS = ("length", "test_lengths")

Settings: TypeAlias = dict[str, Any]
Where: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Mechanism:
    """A model with its hyper-parameters, at its width; `entries` are the model's and its parts'.

    `refusal` says why it cannot be run at all. `parameters` are the model's alone, None where they are not known: a
    plugin is built in its own cell's process only.
    """

    label: str
    entry: Entry[SequenceModel]
    settings: Settings
    parts: dict[str, Entry[Any]]
    width: int = 0
    parameters: int | None = None
    refusal: str | None = None

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
        found = []
        for index, choice in enumerate(self.file.suite.mechanisms):
            where: Where = ("mechanisms", index, choice.name)
            for entry in self._entries(MODELS, choice.name, where):
                for settings in sweep(_with_plugins(choice.settings)):
                    found.append(self._mechanism(entry, settings, where))
        varied = {m.entry.name: _varied([other.settings for other in found if other.entry is m.entry]) for m in found}
        return [replace(m, label=_label(m.entry.name, m.settings, varied[m.entry.name])) for m in found]

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

    def _mechanism(self, entry: Entry[SequenceModel], settings: Settings, where: Where) -> Mechanism:
        parts = self._parts(entry.value, settings, where)
        self._check_names(entry, settings, 1, where)
        mechanism = Mechanism("", entry, settings, parts, self.file.suite.train.width)
        reason = refusal(entry.value, {kind: part.value for kind, part in parts.items()})
        if reason is not None:
            return replace(mechanism, refusal=reason)
        if self.file.suite.match is not None:
            return self._matched(mechanism, self.file.suite.match.parameters, where)
        # A plugin is built in its own cell's process only, where nothing it does harms the run.
        if any(part.origin.is_plugin for part in mechanism.entries):
            return mechanism
        model = self._construct(entry, settings, where, mechanism.width)
        return replace(mechanism, parameters=parameter_count(model))

    def _matched(self, mechanism: Mechanism, target: int, where: Where) -> Mechanism:
        """Give the mechanism the width that brings it to `target` parameters.

        A plugin has to be built for that here, in the plan's process: without numbers, and whatever it raises is its
        refusal. What a mechanism that came with the project raises is a mistake in the suite.
        """
        try:
            found = sizes.fit_model(mechanism.entry.value, mechanism.settings, target)
        except Exception as error:
            cause = error.__cause__ if isinstance(error, sizes.NoWidthError) else error
            sentence = f"{mechanism.entry.name}: {_first_line(cause)}"
            if any(part.origin.is_plugin for part in mechanism.entries):
                kind = type(cause).__name__
                return replace(mechanism, refusal=f"no width could be found for it: {kind}: {_first_line(cause)}")
            if isinstance(cause, ValueError | TypeError | UserError):
                raise self.file.error(where, sentence) from None
            return replace(mechanism, refusal=f"no width could be found for it: {sentence}")
        sized = replace(
            mechanism,
            width=found.size.width,
            parameters=found.size.parameters,
            settings={**mechanism.settings, **found.settings},
        )
        return sized if found.matches(target) else replace(sized, refusal=_too_far(mechanism, found, target))

    def _parts(self, owner: type, settings: Settings, where: Where, inside: str = "") -> dict[str, Entry[Any]]:
        """Return the entries of the parts that a class is built from, and of their own parts, by where they stand."""
        parts = {}
        for kind, default in slots(owner).items():
            choice = settings.get(kind, default)
            try:
                entry = PARTS[kind].entry(_name(choice))
            except UserError as error:
                raise self.file.error((*where, kind), str(error)) from None
            parts[inside + kind] = entry
            own = choice.get(entry.name) if isinstance(choice, dict) else None
            parts |= self._parts(entry.value, own if isinstance(own, dict) else {}, where, f"{inside}{kind}.")
        return parts

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
            raise self.file.error(where, f"{entry.name}: {_first_line(error)}") from None


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


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or ["it cannot be built"])[0]


def _too_far(mechanism: Mechanism, found: sizes.Fit, target: int) -> str:
    """Return why no width matches, with the nearest that there is and what might help."""
    size = found.size
    advice = f"match about {size.parameters:,} instead"
    if found.step > 1:
        has_heads = "heads" in (hyperparameters(mechanism.entry.value, 1) or {})
        fewer = "fewer heads may bring them closer together, or " if has_heads else ""
        advice = f"the widths it can have are {found.step} apart here; {fewer}{advice}"
    return (
        f"no width gives it {target:,} parameters to within {sizes.TOLERANCE:.0%}: the nearest is width {size.width} "
        f"with {size.parameters:,} ({size.parameters / target - 1:+.1%}); {advice}"
    )


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
        settings = [_shown(k, v) if k in PARTS else f"{k}={v}" for k, v in (inner or {}).items()]
        return f"{name}({', '.join(settings)})"
    if isinstance(value, str):
        return value
    return f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"


def _task_label(task: TaskAt) -> str:
    settings = {**task.settings, "length": task.length}
    return f"{task.entry.name}({', '.join(f'{key}={value}' for key, value in settings.items())})"
