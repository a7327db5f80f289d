"""The plan of a suite: its trials, and the reason for each that cannot run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import torch

from registry import Origin, Quantity, Spec
from results import Planned
from results.store.labels import Label, descriptions, mechanism_labels, task_labels
from tasks.floors import shortcut_floors

from ..plugins import FOLDER, REGISTRIES, load_plugins
from ..training.recipe import Recipe
from ..trial.key import key_of, modules_of, read_sources_again
from ..trial.machine import machine
from ..trial.measure import quantities
from ..trial.trial import Trial
from .budget import Budget
from .file import SuiteFile
from .mechanisms import Mechanism
from .pairs import Pair, pairs
from .probes import suite_probes
from .steps import Step, steps_of
from .tasks import Fields, TaskExpansion

MOST_TRIALS = 10_000  # which are planned in about 10 seconds


@dataclass
class Plan:
    """The trials of a suite in its order, those to run and those to skip with their reasons.

    `unavailable` has the errors of modules and plug-ins that cannot be imported or built, by name. `quantities` are
    those that the trials may measure. `timings` are the seconds that a budget of equal time has measured.
    """

    name: str
    device: str = "cpu"
    threads: int = 1
    planned: list[Planned] = field(default_factory=list)
    mechanisms: list[Mechanism] = field(default_factory=list)
    plugins: list[Origin] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    timings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def trials(self) -> list[Trial]:
        """The trials to run."""
        return [Trial.from_json(each.trial, each.key) for each in self.planned if each.reason is None]

    @property
    def skipped(self) -> list[Planned]:
        return [each for each in self.planned if each.reason is not None]

    @cached_property
    def labels(self) -> dict[str, tuple[Label, Label | None]]:
        """The labels of mechanism and task, by the key of a trial."""
        trials = [each.trial for each in self.planned]
        both = zip(mechanism_labels(trials), task_labels(trials), strict=True)
        return dict(zip((each.key for each in self.planned), both, strict=True))

    def description(self, planned: Planned) -> str:
        """Return the description of a trial for output."""
        return self._descriptions[planned.key]

    @cached_property
    def _descriptions(self) -> dict[str, str]:
        mechanisms, tasks = zip(*(self.labels[each.key] for each in self.planned), strict=True)
        texts = descriptions([each.trial for each in self.planned], mechanisms, tasks)
        return dict(zip((each.key for each in self.planned), texts, strict=True))


def make_plan(
    file: SuiteFile,
    plugin_specs: Sequence[str] = (),
    device: str = "cpu",
    folder: Path = FOLDER,
    timings: Mapping[str, dict[str, Any]] | None = None,
) -> Plan:
    """Expand a suite into trials. Raises UserError with the line of a mistake in the suite.

    `timings` are those of an earlier plan of the same run: what it measured is not measured again.
    """
    origins, unavailable = load_plugins([*file.plugin_specs(), *plugin_specs], folder)
    for registry in REGISTRIES.values():
        registry.entries()  # loads all modules, and so finds those that cannot be imported
        unavailable |= registry.unavailable
    read_sources_again()
    planner = _Planner(file, device, Budget(file.suite.budget, device, file.suite.threads, dict(timings or {})))
    planned = {each.key: each for each in planner.planned()}
    return Plan(
        file.suite.name,
        device,
        file.suite.threads,
        list(planned.values()),
        [each for each in planner.found if each.reason is None],
        origins,
        unavailable | planner.unavailable,
        quantities([*planner.trained, *planner.untrained], planner.spaces),
        planner.budget.timings,
    )


class _Planner:
    def __init__(self, file: SuiteFile, device: str, budget: Budget) -> None:
        self.suite, self.device, self.budget = file.suite, device, budget
        expansion = TaskExpansion(file)
        suite_wide = expansion.mechanisms.mechanisms()
        self.tasks, self.spaces, self.unavailable = expansion.tasks(), expansion.spaces, expansion.unavailable
        probes = suite_probes(file, self.unavailable)
        self.found = list(expansion.mechanisms.found.values())
        self.mechanisms = [each for each in suite_wide if each.reason is None]
        self.trained = tuple(probe for probe in probes if probe.value.measures_trained())
        # A task is sampled to see whether its floors are still those, so once for all its trials.
        self.shortcuts = cache(shortcut_floors)
        self.untrained = tuple(probe for probe in probes if probe.value.measures_untrained())
        self._check(file)

    def _check(self, file: SuiteFile) -> None:
        """Refuse a suite without trials, and one with more than can be planned."""
        suite = self.suite
        if not self.found:
            raise file.error(("mechanisms",), "no mechanism is left, because there is no such plug-in")
        if not self.trained and not self.untrained:
            raise file.error(("probes",), "no probe is left, because there is no such plug-in")
        if self.trained and not self.tasks:
            names = ", ".join(probe.name for probe in self.trained)
            if not suite.tasks:
                raise file.error(("probes",), f"the suite has no tasks to train on, which it needs for {names}")
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self.unavailable.items())
            because = reasons or "there is no such plug-in"
            raise file.error(("tasks",), f"no task is left to train on, which the suite needs for {names}: {because}")
        pairs = sum(len(mechanisms) for _, mechanisms in self._on_tasks())
        count = pairs * len(suite.train.learning_rate) + len(self.untrained) * len(self.mechanisms)
        if count * suite.seeds > MOST_TRIALS:
            sentence = f"the suite has {count * suite.seeds:,} trials; at most {MOST_TRIALS:,} were expected"
            raise file.error(("seeds",), f"{sentence}, so choose fewer seeds or shorter lists")

    def planned(self) -> Iterator[Planned]:
        """Yield the trials to run, then those to skip."""
        for trial in self._trials():
            yield self._planned(replace(trial, key=key_of(trial)))
        for each in self.found:
            if each.reason is not None:
                yield self._skipped(self._trial(each, 0, Recipe(width=each.width)), each.reason)
        for mechanism, fields, reason in self.pairs:
            if reason is not None:
                yield self._skipped(self._trial(mechanism, 0, Recipe(width=mechanism.width), **fields), reason)

    def _trials(self) -> Iterator[Trial]:
        # Seed by seed, so that an interrupted run has complete comparisons for the first seeds.
        for seed in range(self.suite.seeds):
            for mechanism, fields, reason in self.pairs:
                if reason is None:
                    for recipe in self.suite.train.recipes(mechanism.width):
                        yield self._trial(mechanism, seed, recipe, self.trained, **fields)
            for probe in self.untrained:
                if seed == 0 or probe.value.seeded:
                    yield from self._untrained(probe, seed)

    def _untrained(self, probe: Spec, seed: int) -> Iterator[Trial]:
        if not probe.value.alone:
            for mechanism in self.mechanisms:
                yield self._trial(mechanism, seed, Recipe(width=mechanism.width), (probe,))
            return
        for number in range(probe.build().rounds):
            # Every second round goes backwards: a machine that slows down steadily then favours no mechanism.
            for mechanism in self.mechanisms[:: -1 if number % 2 else 1]:
                alone: Fields = {"machine": machine(self.device), "round": number}
                yield self._trial(mechanism, seed, Recipe(width=mechanism.width), (probe,), **alone)

    @cached_property
    def pairs(self) -> list[Pair]:
        return [pair for task, mechanisms in self._on_tasks() for pair in self._within_budget(mechanisms, task)]

    def _on_tasks(self) -> Iterator[tuple[Fields, list[Mechanism]]]:
        for task in self.tasks if self.trained else ():
            chosen = task.get("mechanisms", self.mechanisms)
            fields = {name: value for name, value in task.items() if name != "mechanisms"}
            yield fields, [mechanism for mechanism in chosen if mechanism.reason is None]

    def _within_budget(self, mechanisms: Sequence[Mechanism], fields: Fields) -> list[Pair]:
        def step_of(mechanism: Mechanism) -> tuple[Step, int]:
            recipe = self.suite.train.recipes(mechanism.width)[0]
            # Pre-training keeps its steps: they are a part of what the task is, and so the same for all.
            return next(steps_of(self._trial(mechanism, 0, recipe, **fields)))

        return pairs(mechanisms, fields, self.budget, step_of)

    def _trial(
        self,
        mechanism: Mechanism,
        seed: int,
        recipe: Recipe,
        probes: tuple[Spec, ...] = (),
        *,
        steps: int | None = None,
        **fields: Any,
    ) -> Trial:
        recipe = recipe if steps is None else recipe.model_copy(update={"steps": steps})
        kind = torch.device(self.device).type
        if self.suite.keep is not None and "task" in fields:
            fields["keep_weights"] = self.suite.keep.weights
        return Trial(mechanism.spec, seed, recipe, probes, device=kind, threads=self.suite.threads, **fields)

    def _planned(self, trial: Trial) -> Planned:
        return Planned(trial.key, trial.to_json(), _plugins(trial), modules_of(trial), self._properties(trial))

    def _skipped(self, trial: Trial, reason: str) -> Planned:
        text = json.dumps([trial.to_json(), reason], sort_keys=True, default=repr)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Planned(key, trial.to_json(), _plugins(trial), properties=self._properties(trial), reason=reason)

    def _properties(self, trial: Trial) -> dict[str, dict[str, object]]:
        found = {name: spec.registry.properties(spec.value) for name, spec in trial.specs()}
        if trial.task is not None and trial.trained_length is not None:
            found["task"]["shortcuts"] = self.shortcuts(trial.task, trial.trained_length)
        return {name: declared for name, declared in found.items() if declared}


def _plugins(trial: Trial) -> tuple[str, ...]:
    origins = [spec.registry.entry(spec.name).origin for _, spec in trial.specs()]
    return tuple(dict.fromkeys(origin.spec for origin in origins if origin.is_plugin))
