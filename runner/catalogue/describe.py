"""What is known of everything that is registered, gathered once: `info`, `ls` and docs/mechanisms.md show it."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, Alignment, SequenceModel, incompatibility
from registry import Entry, Registry, Setting
from registry.spec import with_article

from ..plugins import REGISTRIES, ROOT
from ..training.network import on_meta, parameter_count

WIDTH = 64  # at which parameters and costs are told
PARTS = (ALIGNMENTS.kind, NORMALIZERS.kind, POSITIONS.kind)
KINDS = (MODELS.kind, *PARTS)  # the kinds that mix; tasks and probes have a docstring and settings alone

# How each kind is built at one width, by its contract; a part as for a single head.
BUILD: dict[str, Callable[[Any], Any]] = {
    "model": lambda value: value(WIDTH),
    "alignment": lambda value: value(1, WIDTH, WIDTH),
    "normalizer": lambda value: value(),
    "position": lambda value: value(WIDTH),
}

_NAME = r"[^\W\d_][\w'’-]*"
_CITATION = re.compile(
    rf"(?<!\w)(?P<names>(?=[A-ZÀ-Þ]){_NAME}(?:, (?=[A-ZÀ-Þ]){_NAME})*(?:,? (?:&|and) (?=[A-ZÀ-Þ]){_NAME})?)"
    r"(?P<others> et al\.)? (?P<year>(?:19|20)\d\d)\b"
)


@dataclass(frozen=True)
class ShownSetting:
    """A setting as a suite would give it; `default` is None where it has to be given."""

    name: str
    type: str
    default: str | None

    def __str__(self) -> str:
        given = "has to be given" if self.default is None else f"= {self.default}"
        return f"{self.name} {given} ({self.type})" if self.type else f"{self.name} {given}"


@dataclass(frozen=True)
class Combination:
    """What of `kind` it stands together with, and what it refuses, by reason; `default` where it has one."""

    kind: str
    names: tuple[str, ...]
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    default: str | None = None


@dataclass(frozen=True)
class Description:
    """All that is told of one entry. `facts` are short sentences by what they are about."""

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
    """Describe an entry; with `built_in`, as if there were no plugins."""
    formula, text = _parts_of_doc(kind, entry)
    built = _built(kind, entry.value)
    return Description(
        kind=kind,
        name=entry.name,
        origin=origin(entry),
        file=source_file(entry.value),
        formula=formula,
        text=text,
        source=citation(text) or citation(formula),
        settings=settings(kind, entry.value),
        parameters=None if built is None else parameter_count(built),
        facts=_facts(kind, entry.value, built),
        combinations=tuple(_combinations(kind, entry.value, built_in)),
    )


def entries(registry: Registry[Any], built_in: bool = False) -> list[Entry[Any]]:
    return [entry for entry in registry.entries() if not (built_in and entry.origin.is_plugin)]


def origin(entry: Entry[Any]) -> str:
    """Return "built-in", or the kind of plugin and where it comes from."""
    where = entry.origin
    if not where.is_plugin:
        return where.kind
    return f"{where.kind} {Path(where.source).name if where.kind == 'file' else where.source}"


def formula_of(kind: str, entry: Entry[Any]) -> str:
    """Return the first line of what an entry says of itself."""
    return _parts_of_doc(kind, entry)[0].split("\n")[0]


def source_of(kind: str, entry: Entry[Any]) -> str:
    """Return who is cited first, such as "Luong et al. 2015", or ""."""
    formula, text = _parts_of_doc(kind, entry)
    return citation(text) or citation(formula)


def citation(text: str) -> str:
    """Return the first "Authors Year" in a text, three authors and more as "First et al. Year", or ""."""
    found = _CITATION.search(" ".join(text.split()))
    if found is None:
        return ""
    names = re.split(r", | & | and ", found["names"])
    several = found["others"] or len(names) > 2
    return f"{names[0] if several else found['names']}{' et al.' if several else ''} {found['year']}"


def settings(kind: str, value: type) -> tuple[ShownSetting, ...]:
    """Return the settings of a class, as a suite would give them."""
    known = (REGISTRIES[kind].settings(value) or {}).values()
    return tuple(ShownSetting(s.name, _type(s), None if s.required else _yaml(s.default)) for s in known)


def source_file(value: type) -> str:
    """Return the path of the file in which `value` is defined, relative to the project where it is inside."""
    file = Path(inspect.getfile(value)).resolve()
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)


def _parts_of_doc(kind: str, entry: Entry[Any]) -> tuple[str, str]:
    """Return the first paragraph and the rest: the formula, and its source with what is to be known beside it.

    One mechanism is one file, whose docstring begins with the formula; a plugin may have many in a file, so that
    there the class's own counts, as it does with tasks and probes.
    """
    own = inspect.cleandoc(entry.value.__dict__.get("__doc__") or "")
    file = inspect.cleandoc(sys.modules[entry.value.__module__].__doc__ or "")
    if kind in KINDS and not entry.origin.is_plugin:
        doc = "\n\n".join(part for part in (file, own) if part)
    else:
        doc = own or file
    formula, _, text = (doc or "It has no docstring.").partition("\n\n")
    return formula, text


def _built(kind: str, value: type) -> Any:
    """Return one without numbers, with its defaults; None where that is not possible, as with a plugin's mistakes."""
    if kind not in BUILD:
        return None
    try:
        return on_meta(lambda: BUILD[kind](value))
    except Exception:
        return None


def _facts(kind: str, value: Any, built: Any) -> dict[str, str]:
    facts: dict[str, str] = {}
    if kind == "model":
        facts = dict(_model_facts(value, built))
    elif kind == "alignment":
        facts = dict(_alignment_facts(value, built))
    if kind in KINDS:
        facts["torch.compile"] = "takes it whole" if value.compiles else "not claimed"
    return facts


def _model_facts(value: type[SequenceModel], built: SequenceModel | None) -> Iterator[tuple[str, str]]:
    if value.complexity:
        yield "cost", value.complexity
    if built is not None:
        yield "decodes", "by steps" if built.decodes else "no, it answers all queries together"
    if value.causal_only or value.bidirectional:
        yield "queries see", "the earlier queries" if value.causal_only else "all queries"
    else:
        yield "queries see", "the earlier queries, or all where a task lets them"


def _alignment_facts(value: type[Alignment], built: Alignment | None) -> Iterator[tuple[str, str]]:
    if built is not None:
        yield "cost", f"{built.pair_flops:,} operations a score"
        yield "path", path_of(value, built)


def path_of(value: type[Alignment], built: Alignment) -> str:
    """Return which of attention's paths an alignment can take."""
    if value.needs_history:
        return "plain, a step at a time"
    if built.kernel_scale is not None and not built.focuses:
        return "fused under softmax, else plain or streamed"
    return "plain, or streamed where that would be large"


def _combinations(kind: str, value: Any, built_in: bool) -> Iterator[Combination]:
    if kind == MODELS.kind:
        for slot, setting in MODELS.parts(value).items():
            assert setting.registry is not None
            parts = {entry.name: {slot: entry.value} for entry in entries(setting.registry, built_in)}
            reasons = {name: _refusal(value, part) for name, part in parts.items()}
            yield _sorted_out(slot, reasons, str(_yaml(setting.default)))
    elif kind in PARTS:
        hosts = [entry for entry in entries(MODELS, built_in) if kind in MODELS.parts(entry.value)]
        yield _sorted_out(MODELS.kind, {host.name: _refusal(host.value, {kind: value}) for host in hosts})


def _refusal(model: type[SequenceModel], parts: dict[str, type]) -> str | None:
    """Return why a model refuses a part, beside its defaults for the others."""
    defaults = {
        kind: setting.registry.spec(setting.default).value
        for kind, setting in MODELS.parts(model).items()
        if setting.registry is not None and not setting.required
    }
    return incompatibility(model, {**defaults, **parts})


def _sorted_out(kind: str, reasons: dict[str, str | None], default: str | None = None) -> Combination:
    refused: dict[str, tuple[str, ...]] = {}
    for name, reason in reasons.items():
        if reason is not None:
            refused[reason] = (*refused.get(reason, ()), name)
    return Combination(kind, tuple(name for name, reason in reasons.items() if reason is None), refused, default)


def _type(setting: Setting) -> str:
    if setting.registry is not None:
        return with_article(setting.registry.kind)
    annotation = setting.annotation
    if annotation is inspect.Parameter.empty:
        return ""
    shown = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    # The name of a generic type would lose what is in its brackets.
    shown = str(annotation) if "[" in str(annotation) else shown
    return re.sub(r"\b(?:typing|collections\.abc)\.", "", shown)


def _yaml(value: object) -> str:
    """Return a default as a suite would spell it."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value)
    except TypeError:
        return repr(value)


def lines(shown: Description) -> Iterator[tuple[str, str]]:
    """Yield what is known of an entry beside its docstring, each with what it is about."""
    yield "settings", "\n".join(map(str, shown.settings)) or "none"
    if shown.parameters is not None:
        yield "parameters", f"{shown.parameters:,} at width {WIDTH}"
    yield from shown.facts.items()
    for combination in shown.combinations:
        yield from _combined(combination)


def _combined(combination: Combination) -> Iterator[tuple[str, str]]:
    default = f" (by default {combination.default})" if combination.default else ""
    yield f"{combination.kind}s", (", ".join(combination.names) or "none") + default
    for reason, names in combination.refused.items():
        yield "but not", f"{', '.join(names)}: {reason}"
