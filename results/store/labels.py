"""What mechanisms and tasks are called in one run: as short as tells them apart. The only place that makes labels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from registry import Spec
from registry.names import visible

Trial: TypeAlias = Mapping[str, Any]
"""The JSON of a trial."""


class Label(NamedTuple):
    """`text` is the whole, such as "transformer(dot)"; `inside` what is beside the name, "" where that is enough."""

    text: str
    inside: str


class Ladder(NamedTuple):
    """A task with a growing setting: the label of all its rungs together, the setting, and its value on this rung."""

    text: str
    setting: str
    rung: float


class Chosen(NamedTuple):
    """Settings as they were given, and complete: what was not given may tell others apart, but is not shown."""

    given: Mapping[str, Any]
    complete: Mapping[str, Any]


class Named(NamedTuple):
    """What gets a label: an identity, a name that it may share with others, and its settings."""

    identity: Hashable
    name: str
    chosen: Chosen


def mechanism_labels(trials: Sequence[Trial]) -> list[Label]:
    """Return the label of each trial's mechanism."""
    specs = [Spec.from_json(trial["mechanism"]) for trial in trials]
    return _labels([Named(spec, spec.name, _chosen(spec)) for spec in specs])


def task_labels(trials: Sequence[Trial]) -> list[Label | None]:
    """Return the label of each trial's task, None of a trial without one."""
    chosen = {place: _task(trial) for place, trial in enumerate(trials) if trial["task"] is not None}
    found = dict(zip(chosen, _labels(list(chosen.values())), strict=True))
    return [found.get(place) for place in range(len(trials))]


def ladder_labels(trials: Sequence[Trial]) -> list[Ladder | None]:
    """Return the ladder of each trial's task, None of a task that is no rung of one."""
    found = {place: rung for place, trial in enumerate(trials) if (rung := _rung(trial)) is not None}
    labels = _labels([named for named, _, _ in found.values()])
    made = {
        place: Ladder(label.text, setting, rung)
        for (place, (_, setting, rung)), label in zip(found.items(), labels, strict=True)
    }
    return [made.get(place) for place in range(len(trials))]


def descriptions(trials: Sequence[Trial], mechanisms: Sequence[Label], tasks: Sequence[Label | None]) -> Sequence[str]:
    """Return the description of each trial, with its learning rate if trained trials differ in it."""
    rates = [None if trial["task"] is None else trial["recipe"]["learning_rate"] for trial in trials]
    swept = len({rate for rate in rates if rate is not None}) > 1
    made = map(describe, trials, mechanisms, tasks)
    return [
        f"{text} · learning rate {_scalar(rate)}" if swept and rate is not None else text
        for text, rate in zip(made, rates, strict=True)
    ]


def describe(trial: Trial, mechanism: Label, task: Label | None) -> str:
    """Return what a person reads of a trial while it runs, or where it failed."""
    what = task.text if task else ", ".join(probe["name"] for probe in trial["probes"])
    number = trial.get("round")
    which = f"seed {trial['seed']}" if number is None else f"round {number + 1}"
    return " · ".join(part for part in (mechanism.text, what, which) if part)


def _task(trial: Trial) -> Named:
    task = Spec.from_json(trial["task"])
    earlier = trial["earlier"]
    lengths = {key: value for key, value in trial.items() if key.startswith("earlier_") or key.endswith("_length")}
    own = [trial["test_lengths"], task.given.get("steps"), earlier and Spec.from_json(earlier).identity]
    identity = (task, json.dumps([lengths, *own]))
    if not earlier:
        return Named(identity, task.name, _chosen(task))
    return Named(identity, f"{task.name} after {earlier['name']}", Chosen(*map(_with_earlier, _chosen(task))))


def _rung(trial: Trial) -> tuple[Named, str, float] | None:
    """Return what names the ladder of a trial, its setting, and the number that the setting has in this trial."""
    if trial["task"] is None or "ladder" not in (task := Spec.from_json(trial["task"])).given:
        return None
    ((setting, rungs),) = task.given["ladder"].items()
    given, complete = ({key: value for key, value in settings.items() if key != setting} for settings in _chosen(task))
    identity = (task.name, json.dumps([setting, rungs, given], sort_keys=True, default=str))
    return Named(identity, f"{task.name} by {setting}", Chosen(given, complete)), setting, task.given[setting]


def _with_earlier(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's settings with those of the earlier task, whose name is told already, as further ones."""
    _, own = _named(settings.get("pretrain")) or ("", Chosen({}, {}))
    rest = {key: value for key, value in settings.items() if key != "pretrain"}
    return rest | {f"pretrain {key}": value for key, value in own.given.items()}


def _chosen(spec: Spec) -> Chosen:
    """Return the settings of a spec, parts as specs; what is given beside settings (lengths, a preset) counts too."""
    # The rungs of a ladder differ in the setting that it has, so the ladder itself need not be told.
    given = {key: spec.parts().get(key, value) for key, value in spec.given.items() if key != "ladder"}
    return Chosen(given, {**given, **spec.settings})


def _labels(chosen: Sequence[Named]) -> list[Label]:
    distinct: dict[Hashable, Named] = {}
    for each in chosen:
        distinct.setdefault(each.identity, each)
    inside: dict[Hashable, str] = {}
    for name in {each.name for each in distinct.values()}:
        group = [each for each in distinct.values() if each.name == name]
        told = [visible(", ".join(parts)) for parts in _told([each.chosen for each in group])]
        inside |= dict(zip((each.identity for each in group), _unique(told, group), strict=True))
    made = {each.identity: _label(visible(each.name), inside[each.identity]) for each in distinct.values()}
    return [made[each.identity] for each in chosen]


def _label(name: str, inside: str) -> Label:
    return Label(f"{name}({inside})" if inside else name, inside)


def _unique(told: list[str], group: list[Named]) -> list[str]:
    """Return the texts, with all that was given where two would be alike, and a number where they still are."""
    often = Counter(told)
    full = [
        text if often[text] == 1 else visible(", ".join(_one(key, value) for key, value in each.chosen.given.items()))
        for text, each in zip(told, group, strict=True)
    ]
    seen: Counter[str] = Counter()
    numbered = []
    for text in full:
        seen[text] += 1
        numbered.append(text if seen[text] == 1 else f"{text} #{seen[text]}".strip())
    return numbered


def _told(group: Sequence[Chosen]) -> list[list[str]]:
    """Return, for settings that belong to one name, what of each tells it from the others.

    A dotted path, as of a class, is always told, for the name says nothing of it; of others with the same path the
    rest has to tell it.
    """
    paths = [_paths(chosen.given) for chosen in group]
    alike = [[other for other, path in zip(group, paths, strict=True) if path == own] for own in paths]
    return [_parts(chosen, rest, group) for chosen, rest in zip(group, alike, strict=True)]


def _paths(given: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in given.items() if _is_path(value)}


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and "." in value and value.replace(".", "").isidentifier()


def _parts(chosen: Chosen, alike: Sequence[Chosen], all_of_name: Sequence[Chosen], inside: bool = False) -> list[str]:
    told = []
    for key, value in chosen.given.items():
        told += (
            [_path(key, value, all_of_name)] if _is_path(value) and not inside else _setting(key, value, alike, inside)
        )
    return told


def _path(key: str, value: str, group: Sequence[Chosen]) -> str:
    """Return the last part of a dotted path, or all of it where another ends alike."""
    paths = {str(each.given[key]) for each in group if _is_path(each.given.get(key))}
    short = value.rpartition(".")[2]
    return short if [path.rpartition(".")[2] for path in paths].count(short) == 1 else value


def _setting(key: str, value: Any, group: Sequence[Chosen], inside: bool) -> list[str]:
    others = [each.complete.get(key) for each in group]
    if len({_comparable(other) for other in others}) == 1:
        return []
    if isinstance(value, Mapping) and not _named(value):
        alike = [Chosen(other, other) if isinstance(other, Mapping) else Chosen({}, {}) for other in others]
        return _parts(Chosen(value, value), alike, alike, inside=True)
    found = _named(value)
    if found is None:
        return [f"{key}={value}" if inside and isinstance(value, str) else _one(key, value)]
    alike = [each[1] for each in map(_named, others) if each is not None and each[0] == found[0]]
    own = ", ".join(_parts(found[1], alike, alike))
    return [f"{found[0]}({own})" if own else found[0]]


def _named(value: Any) -> tuple[str, Chosen] | None:
    """Return name and settings of a part, None of what is none."""
    if isinstance(value, Spec):
        return value.name, _chosen(value)
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, settings),) = value.items()
        if isinstance(settings, Mapping):
            return str(name), Chosen(settings, settings)
    return None


def _comparable(value: Any) -> str:
    """Return a text that is equal for equal values: 4 and 4.0, a list and a tuple."""
    if isinstance(value, Spec):
        return value.identity
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)


def _one(key: str, value: Any) -> str:
    if isinstance(value, Spec):
        inside = ", ".join(_one(inner, setting) for inner, setting in _chosen(value).given.items())
        return f"{value.name}({inside})" if inside else value.name
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        # Lengths are read as a range: 1-40.
        return f"{key}={('-' if key == 'length' else '/').join(map(_scalar, value))}"
    return f"{key}={_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
