"""From a suite's entries to mechanisms and probes with every setting checked and every list swept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from mechanisms import MODELS, SequenceModel, hyperparameters
from mechanisms.compatibility import PARTS, incompatibility, slots
from registry import Entry, UserError

from ..probes import PROBES, Probe
from ..training.network import parameter_count
from . import match as sizes
from .entries import PLUGINS, Entries, Settings, Where, first_line, plugins_of, sweep


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
class ProbeWith:
    entry: Entry[Probe]
    options: Settings


class Expansion(Entries):
    """Expands the mechanisms and the probes of one suite file. Raises UserError naming the line of what is wrong."""

    def mechanisms(self) -> list[Mechanism]:
        found = []
        for index, choice in enumerate(self.file.suite.mechanisms):
            where: Where = ("mechanisms", index, choice.name)
            for entry in self.entries(MODELS, choice.name, where):
                for settings in sweep(_with_plugins(choice.settings)):
                    found.append(self._mechanism(entry, settings, where))
        varied = {m.entry.name: _varied([other.settings for other in found if other.entry is m.entry]) for m in found}
        return [replace(m, label=_label(m.entry.name, m.settings, varied[m.entry.name])) for m in found]

    def probes(self) -> list[ProbeWith]:
        probes = []
        for index, choice in enumerate(self.file.suite.probes):
            where: Where = ("probes", index, choice.name)
            for entry in self.entries(PROBES, choice.name, where):
                self.check_names(entry, choice.settings, 0, where)
                self.construct(entry, choice.settings, where)
                probes.append(ProbeWith(entry, choice.settings))
        return probes

    def _mechanism(self, entry: Entry[SequenceModel], settings: Settings, where: Where) -> Mechanism:
        parts = self._parts(entry.value, settings, where)
        self.check_names(entry, settings, 1, where)
        mechanism = Mechanism("", entry, settings, parts, self.file.suite.train.width)
        reason = incompatibility(entry.value, {kind: part.value for kind, part in parts.items()})
        if reason is not None:
            return replace(mechanism, refusal=reason)
        if self.file.suite.match is not None:
            return self._matched(mechanism, self.file.suite.match.parameters, where)
        # A plugin is built in its own cell's process only, where nothing it does harms the run.
        if any(part.origin.is_plugin for part in mechanism.entries):
            return mechanism
        model = self.construct(entry, settings, where, mechanism.width)
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
            sentence = f"{mechanism.entry.name}: {first_line(cause)}"
            if any(part.origin.is_plugin for part in mechanism.entries):
                kind = type(cause).__name__
                return replace(mechanism, refusal=f"no width could be found for it: {kind}: {first_line(cause)}")
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


def _with_plugins(settings: Settings) -> Settings:
    """Replace the word "plugins" in lists of alignments and the like by all there are."""

    def expand(kind: str, value: Any) -> Any:
        if kind not in PARTS or not isinstance(value, list) or PLUGINS not in value:
            return value
        named = [choice for choice in value if choice != PLUGINS]
        return named + [e.name for e in plugins_of(PARTS[kind]) if e.name not in named]

    return {key: expand(key, value) for key, value in settings.items()}


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
