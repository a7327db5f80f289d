"""Descriptions of everything that is registered: `info`, `ls` and docs/mechanisms.md show them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, Alignment, SequenceModel, incompatibility
from mechanisms.conformance.compiling import BUILT_IN_STOPS
from registry import Entry, Registry, Setting
from registry.docstring import parts_of, source_of
from registry.spec import with_article
from tasks import TASKS, Task

from ..isolation import tried, why
from ..plugins import REGISTRIES, ROOT
from ..training.network import on_meta, parameter_count
from .bounds import task_bounds

WIDTH = 64  # at which parameters and costs are told
PARTS = (ALIGNMENTS.kind, NORMALIZERS.kind, POSITIONS.kind)
KINDS = (MODELS.kind, *PARTS)  # the kinds of mechanisms; the others have only a docstring and settings

# How each kind is built at one width, by its contract; a part for a single head.
BUILD: dict[str, Callable[[Any], Any]] = {
    "model": lambda value: value(WIDTH),
    "alignment": lambda value: value(1, WIDTH, WIDTH),
    "normalizer": lambda value: value(),
    "position": lambda value: value(WIDTH),
}


@dataclass(frozen=True)
class ShownSetting:
    """A setting as it is written in a suite; `default` is None if it must be given."""

    name: str
    type: str
    default: str | None

    def __str__(self) -> str:
        given = "must be given" if self.default is None else f"= {self.default}"
        return f"{self.name} {given} ({self.type})" if self.type else f"{self.name} {given}"


@dataclass(frozen=True)
class Combination:
    """The parts of `kind` (or the models) that an entry can be combined with, and the incompatible ones by reason."""

    kind: str
    names: tuple[str, ...]
    incompatible: dict[str, tuple[str, ...]] = field(default_factory=dict)
    default: str | None = None


@dataclass(frozen=True)
class Description:
    """All that is known of one entry. `facts` are short sentences by their subjects."""

    kind: str
    name: str
    origin: str
    file: str
    formula: str
    text: str
    source: str
    settings: tuple[ShownSetting, ...]
    parameters: int | None
    facts: dict[str, str]
    combinations: tuple[Combination, ...]


def describe(kind: str, entry: Entry[Any], built_in: bool = False) -> Description:
    """Describe an entry; with `built_in`, as if there were no plug-ins."""
    if not entry.origin.is_plugin:
        return _described(kind, entry, built_in)
    try:
        return tried(lambda: _described(kind, entry, built_in))
    except Exception as error:
        return _described(kind, entry, built_in, harm=why(error))


def _described(kind: str, entry: Entry[Any], built_in: bool, harm: str | None = None) -> Description:
    """Describe an entry; with `harm`, which is what it does to a process, nothing of it is called."""
    formula, text = parts_of(entry.value)
    built = None if harm else _built(kind, entry.value)
    return Description(
        kind=kind,
        name=entry.name,
        origin=origin(entry),
        file=source_file(entry.value),
        formula=formula,
        text=text,
        source=source_of(entry.value),
        settings=settings(kind, entry.value),
        parameters=None if built is None else parameter_count(built),
        facts={"more is not known": harm} if harm else _facts(kind, entry, built),
        combinations=() if harm else tuple(_combinations(kind, entry.value, built_in)),
    )


def entries(registry: Registry[Any], built_in: bool = False) -> list[Entry[Any]]:
    return [entry for entry in registry.entries() if not (built_in and entry.origin.is_plugin)]


def origin(entry: Entry[Any]) -> str:
    """Return "built-in", or the kind of plug-in and its file, module or distribution."""
    where = entry.origin
    if not where.is_plugin:
        return where.kind
    return f"{where.kind} {Path(where.source).name if where.kind == 'file' else where.source}"


def settings(kind: str, value: type) -> tuple[ShownSetting, ...]:
    """Return the settings of a class, as they are written in a suite."""
    known = (REGISTRIES[kind].settings(value) or {}).values()
    return tuple(ShownSetting(s.name, _type(s), None if s.required else _yaml(s.default)) for s in known)


def source_file(value: type) -> str:
    """Return the path of the file that defines `value`, relative to the project if it is inside."""
    file = Path(inspect.getfile(value)).resolve()
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


def _built(kind: str, value: type) -> Any:
    """Return one with its defaults, without memory for its numbers; None if that fails, as with a faulty plug-in."""
    if kind not in BUILD:
        return None
    try:
        return on_meta(lambda: BUILD[kind](value))
    except Exception:
        return None


def _facts(kind: str, entry: Entry[Any], built: Any) -> dict[str, str]:
    facts: dict[str, str] = {}
    if kind == "model":
        facts = dict(_model_facts(entry.value, built))
    elif kind == "alignment":
        facts = dict(_alignment_facts(entry.value, built))
    elif kind == TASKS.kind:
        facts = dict(_task_facts(entry))
    if kind in KINDS:
        facts["torch.compile"] = _compiled(kind, entry)
    return facts


def _compiled(kind: str, entry: Entry[Any]) -> str:
    if entry.origin.is_plugin:
        return f"`make check NAME={entry.name}` finds it out"
    reason = BUILT_IN_STOPS.get(kind, {}).get(entry.name)
    return f"does not take it whole: {reason}" if reason else "takes it whole"


def _model_facts(value: type[SequenceModel], built: SequenceModel | None) -> Iterator[tuple[str, str]]:
    if value.complexity:
        yield "cost", value.complexity
    if built is not None:
        yield "decodes", "step by step" if built.decodes else "no, it answers all queries together"
    if value.causal_only or value.bidirectional:
        yield "queries see", "earlier queries" if value.causal_only else "all queries"
    else:
        yield "queries see", "earlier queries, or all if the task allows it"


def _alignment_facts(value: type[Alignment], built: Alignment | None) -> Iterator[tuple[str, str]]:
    if built is not None:
        yield "cost", f"{built.pair_flops:,} operations per score"
        yield "path", path_of(value, built)


def _task_facts(entry: Entry[Task]) -> Iterator[tuple[str, str]]:
    try:
        for bounds in task_bounds(entry.name):
            yield f"at length {bounds.length}", str(bounds)
    except Exception:  # a plug-in with settings that must be given, or with a fault
        return


def path_of(value: type[Alignment], built: Alignment) -> str:
    """Return on which paths of attention an alignment can run."""
    if value.needs_history:
        return "plain, one step at a time"
    if built.kernel_scale is not None and not built.predicts_window:
        return "fused with softmax, else plain or streamed"
    return "plain, or streamed if that would be large"


def _combinations(kind: str, value: Any, built_in: bool) -> Iterator[Combination]:
    if kind == MODELS.kind:
        for slot, setting in MODELS.parts(value).items():
            assert setting.registry is not None
            parts = {entry.name: {slot: entry.value} for entry in entries(setting.registry, built_in)}
            reasons = {name: _incompatibility(value, part) for name, part in parts.items()}
            yield _combination(slot, reasons, str(_yaml(setting.default)))
    elif kind in PARTS:
        hosts = [entry for entry in entries(MODELS, built_in) if kind in MODELS.parts(entry.value)]
        yield _combination(MODELS.kind, {host.name: _incompatibility(host.value, {kind: value}) for host in hosts})


def _incompatibility(model: type[SequenceModel], parts: dict[str, type]) -> str | None:
    """Return why a model cannot be built with these parts and its defaults for the others; None if it can."""
    defaults = {
        kind: setting.registry.spec(setting.default).value
        for kind, setting in MODELS.parts(model).items()
        if setting.registry is not None and not setting.required
    }
    return incompatibility(model, {**defaults, **parts})


def _combination(kind: str, reasons: dict[str, str | None], default: str | None = None) -> Combination:
    incompatible: dict[str, tuple[str, ...]] = {}
    for name, reason in reasons.items():
        if reason is not None:
            incompatible[reason] = (*incompatible.get(reason, ()), name)
    return Combination(kind, tuple(name for name, reason in reasons.items() if reason is None), incompatible, default)


def _type(setting: Setting) -> str:
    if setting.registry is not None:
        return with_article(setting.registry.kind)
    annotation = setting.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    # The name of a generic type has no arguments in brackets.
    shown = str(annotation) if "[" in str(annotation) else shown
    return re.sub(r"\b(?:typing|collections\.abc)\.", "", shown)


def _yaml(value: object) -> str:
    """Return a default as it is written in a suite."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        return repr(value)


def lines(shown: Description) -> Iterator[tuple[str, str]]:
    """Yield what is known of an entry beside its docstring: pairs of a subject and a sentence."""
    yield "settings", "\n".join(map(str, shown.settings)) or "none"
    if shown.parameters is not None:
        yield "parameters", f"{shown.parameters:,} at width {WIDTH}"
    yield from shown.facts.items()
    for combination in shown.combinations:
        yield from _combined(combination)


def _combined(combination: Combination) -> Iterator[tuple[str, str]]:
    default = f" (by default {combination.default})" if combination.default else ""
    yield f"{combination.kind}s", (", ".join(combination.names) or "none") + default
    for reason, names in combination.incompatible.items():
        yield f"incompatible {combination.kind}s", f"{', '.join(names)}: {reason}"
