"""From a suite to the cells it asks for; what cannot run is listed with its reason."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from registry import Origin
from results import CellRow

from ..plugins import FOLDER, REGISTRIES, load_plugins
from ..training import setup as lesson
from ..training.recipe import Recipe
from ..trial import key as sources
from ..trial.trial import Trial
from .expand import Expansion, Mechanism, ProbeWith
from .expand_tasks import TaskAt, TaskExpansion
from .file import SuiteFile


@dataclass(frozen=True)
class Skip:
    """A combination that the plan leaves out."""

    label: str
    reason: str
    model: str = ""
    alignment: str | None = None
    task: str | None = None


@dataclass
class Plan:
    """The cells of a suite. `unavailable` are modules and plugins that could not be imported, with their errors."""

    name: str
    cells: list[Trial]
    skips: list[Skip]
    mechanisms: list[Mechanism] = field(default_factory=list)
    plugins: list[Origin] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[CellRow]:
        """Return the plan as the store keeps it."""
        alignments = {mechanism.label: mechanism.alignment for mechanism in self.mechanisms}
        cells = [_cell_row(cell, position, alignments[cell.label]) for position, cell in enumerate(self.cells)]
        return cells + [_skip_row(skip, len(cells) + i) for i, skip in enumerate(self.skips)]


def make_plan(file: SuiteFile, plugin_specs: Sequence[str] = (), device: str = "cpu", folder: Path = FOLDER) -> Plan:
    """Expand a suite into cells. Raises UserError naming the suite's line for anything it gets wrong."""
    origins, unavailable = load_plugins([*file.plugin_specs(), *plugin_specs], folder)
    for registry in REGISTRIES.values():
        registry.entries()  # loads it, and so finds what cannot be imported
        unavailable |= registry.unavailable
    planner = _Planner(file, device)
    cells = {cell.key: cell for cell in planner.cells()}
    broken = [Skip(Path(name).stem, f"it could not be imported: {error}") for name, error in unavailable.items()]
    return Plan(file.suite.name, list(cells.values()), planner.skips + broken, planner.mechanisms, origins, unavailable)


class _Planner:
    def __init__(self, file: SuiteFile, device: str) -> None:
        self.suite, self.device = file.suite, device
        expansion = Expansion(file)
        self.tasks, probes = TaskExpansion(file).tasks(), expansion.probes()
        found = expansion.mechanisms()
        self.mechanisms = [m for m in found if m.refusal is None]
        self.skips = [_skip(m, m.refusal) for m in found if m.refusal is not None]
        self.trained = [probe for probe in probes if probe.entry.value.measures_trained()]
        self.untrained = [probe for probe in probes if probe.entry.value.measures_untrained()]
        self.pairs = self._pairs()
        if self.trained and not self.tasks:
            names = ", ".join(probe.entry.name for probe in self.trained)
            raise file.error(("probes",), f"the suite names no task to train on, which {names} needs")

    def _pairs(self) -> list[tuple[Mechanism, TaskAt]]:
        pairs = []
        for task in self.tasks if self.trained else []:
            for mechanism in self.mechanisms:
                reason = _incompatible(mechanism, task)
                if reason is None:
                    pairs.append((mechanism, task))
                else:
                    self.skips.append(_skip(mechanism, reason, task.label))
        return pairs

    def cells(self) -> Iterator[Trial]:
        # Seed by seed, so that an interrupted run has compared everything at least once.
        for seed in range(self.suite.seeds):
            for mechanism, task in self.pairs:
                for rate in self.suite.train.learning_rate:
                    changes = {"learning_rate": (rate,), "width": mechanism.width}
                    recipe = self.suite.train.model_copy(update=changes)
                    yield self._cell("train", mechanism, task, seed, recipe.model_dump(mode="json"), self.trained)
            yield from self._untrained_cells(seed)

    def _untrained_cells(self, seed: int) -> Iterator[Trial]:
        for probe in self.untrained:
            if seed > 0 and not probe.entry.value.seeded:
                continue
            for mechanism in self.mechanisms:
                kind = "speed" if probe.entry.value.alone else "initial"
                yield self._cell(kind, mechanism, None, seed, {"width": mechanism.width}, [probe])

    def _cell(
        self,
        kind: str,
        mechanism: Mechanism,
        task: TaskAt | None,
        seed: int,
        recipe: dict[str, Any],
        probes: list[ProbeWith],
    ) -> Trial:
        entries = [*mechanism.entries, *(task.entries if task else ())]
        fields: dict[str, Any] = {
            "kind": kind,
            "model": mechanism.entry.name,
            "mechanism": mechanism.settings,
            "seed": seed,
            "recipe": recipe,
            "probes": {probe.entry.name: probe.options for probe in probes},
        }
        if task is not None:
            fields |= _lesson(task) | {"test_lengths": task.test_lengths}
            if task.pretraining is not None:
                steps = task.pretraining.steps or self.suite.train.steps
                fields["pretraining"] = _lesson(task.pretraining.task) | {"steps": steps}
        brought = _brought(mechanism)
        code = _code((*(e.value for e in entries), *brought, *(probe.entry.value for probe in probes)))
        versions = [version for cls in brought for version in sources.versions(cls)]
        return Trial(
            **fields,
            key=digest([fields, code, *versions, torch.__version__, torch.device(self.device).type]),
            label=mechanism.label,
            task_label=task.label if task else None,
            plugins=tuple(dict.fromkeys(e.origin.spec for e in entries if e.origin.is_plugin)),
            device=self.device,
        )


def _lesson(task: TaskAt) -> dict[str, Any]:
    """Return what a cell needs to know of a task that it trains on."""
    return {
        "task": task.entry.name,
        "task_settings": task.settings,
        "length": task.length,
        "shortest": task.shortest,
    }


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@functools.cache
def _code(classes: tuple[type, ...]) -> str:
    return sources.digest(classes, (lesson,))


def _brought(mechanism: Mechanism) -> tuple[type, ...]:
    """Return the classes that a mechanism's settings bring in from outside, of a model that names such."""
    depends_on = getattr(mechanism.entry.value, "depends_on", None)
    return tuple(depends_on(mechanism.settings)) if depends_on is not None else ()


def _skip(mechanism: Mechanism, reason: str, task: str | None = None) -> Skip:
    return Skip(mechanism.label, reason, mechanism.entry.name, mechanism.alignment, task)


def _incompatible(mechanism: Mechanism, task: TaskAt) -> str | None:
    model, name = mechanism.entry.value, mechanism.entry.name
    if task.pretraining is not None and (reason := _incompatible(mechanism, task.pretraining.task)) is not None:
        return reason
    if not task.task.causal and model.causal_only:
        return f"{name} reads its queries in order, and {task.entry.name} lets one see later ones"
    if task.task.causal and task.task.leaks and model.bidirectional:
        return f"{name} sees all queries at once, and in {task.entry.name} a later one gives an earlier answer away"
    return None


def _cell_row(cell: Trial, position: int, alignment: str | None) -> CellRow:
    return CellRow(
        key=cell.key,
        position=position,
        kind=cell.kind,
        label=cell.label,
        model=cell.model,
        seed=cell.seed,
        alignment=alignment,
        mechanism=json.dumps(cell.mechanism),
        task=cell.task_label,
        task_settings=json.dumps(cell.task_settings) if cell.task else None,
        length=cell.length or None,
        learning_rate=Recipe.model_validate(cell.recipe).peak if cell.kind == "train" else None,
        recipe=json.dumps(cell.recipe),
        probes=json.dumps(cell.probes),
        origin=", ".join(cell.plugins) or None,
    )


def _skip_row(skip: Skip, position: int) -> CellRow:
    return CellRow(
        key=digest(["skip", skip.label, skip.task, skip.reason]),
        position=position,
        kind="train",
        label=skip.label,
        model=skip.model,
        seed=0,
        alignment=skip.alignment,
        task=skip.task,
        outcome="skipped",
        reason=skip.reason,
    )
