"""A cell: one mechanism, one task, one seed, one recipe. What it is, and what measuring it means."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mechanisms import MODELS, Attention, SequenceModel
from registry import load_plugin
from results import Measurement

from ..probes import PROBES, Probe, Subject, Trained
from ..training import seeds
from ..training.network import parameter_count
from ..training.recipe import Recipe
from ..training.setup import TrainingSetup, pretrain
from ..training.trainer import Diverged, learning_curve, pretraining_curve
from .trial import Trial

Progress = Callable[[int, int], None]
Interrupted = Callable[[], bool]


@dataclass
class Measured:
    """What came out of a cell; `reason` says why training diverged, where it did."""

    measurements: list[Measurement] = field(default_factory=list)
    reason: str | None = None
    path: str | None = None


def measure(cell: Trial, progress: Progress, interrupted: Interrupted, checkpoint: Path | None = None) -> Measured:
    """Do what the cell says, in this process."""
    for plugin in cell.plugins:
        load_plugin(plugin)
    recipe = Recipe.model_validate(cell.recipe)
    run = _measure_trained if cell.kind == "train" else _measure_untrained
    return run(cell, recipe, progress, interrupted, checkpoint)


def build_model(cell: Trial, width: int, *, causal: bool = True) -> SequenceModel:
    """Build the cell's mechanism; its initial weights depend on the mechanism and the seed alone."""
    with seeds.scoped("mechanism", cell.model, cell.mechanism, cell.seed):
        return MODELS[cell.model](width, causal=causal, **cell.mechanism)


def data_stream(cell: Trial, device: torch.device, purpose: str) -> torch.Generator:
    """Return a random stream for the data of a cell without a task."""
    return seeds.generator(device, "data", cell.task, cell.task_settings, cell.seed, purpose)


def lesson_of(cell: Trial) -> TrainingSetup:
    """Return what the cell trains on."""
    assert cell.task is not None
    device = torch.device(cell.device)
    return TrainingSetup(cell.task, cell.task_settings, cell.length, cell.shortest, cell.seed, device)


def _measure_trained(
    cell: Trial, recipe: Recipe, progress: Progress, interrupted: Interrupted, checkpoint: Path | None
) -> Measured:
    lesson = lesson_of(cell)

    def build(causal: bool) -> SequenceModel:
        return build_model(cell, recipe.width, causal=causal)

    network = lesson.network(build, recipe.width)
    trainer = lesson.trainer(network, recipe)
    measured = Measured([_size(network)])
    try:
        if cell.pretraining is not None:
            first = dict(cell.pretraining)
            first_recipe = recipe.model_copy(update={"steps": first.pop("steps")})
            before = lesson_of(replace(cell, **first))
            other = before.trainer(before.network(build, recipe.width), first_recipe)
            path = None if checkpoint is None else checkpoint.with_suffix(".pretraining.pt")
            history = pretrain(network, other, _ahead_of(progress, recipe.steps), interrupted, path)
            measured.measurements += pretraining_curve(history)
            progress = _behind(progress, history.steps)
        history = trainer.run(progress, interrupted, checkpoint)
    except Diverged as error:
        measured.measurements += learning_curve(trainer.history)
        measured.reason = str(error)
        return measured
    measured.path = attention_path(network)
    trained = Trained(
        network,
        history,
        trainer.task,
        cell.length,
        cell.test_lengths,
        recipe.test_examples,
        recipe.batch,
        lesson.device,
        lesson.stream,
    )
    for probe in _probes(cell):
        measured.measurements += probe.trained(trained)
    return measured


def _ahead_of(progress: Progress, steps: int) -> Progress:
    return lambda done, total: progress(done, total + steps)


def _behind(progress: Progress, steps: int) -> Progress:
    return lambda done, total: progress(done + steps, total + steps)


def _measure_untrained(
    cell: Trial, recipe: Recipe, progress: Progress, interrupted: Interrupted, checkpoint: Path | None
) -> Measured:
    device = torch.device(cell.device)
    built: list[SequenceModel] = []

    def build() -> SequenceModel:
        built.append(build_model(cell, recipe.width))
        return built[-1]

    stream = functools.partial(data_stream, cell, device)
    measured = Measured([_size(build())])
    for probe in _probes(cell):
        measured.measurements += probe.untrained(Subject(build, recipe.width, device, stream, progress))
    measured.path = attention_path(built[-1])
    return measured


def _probes(cell: Trial) -> Iterator[Probe]:
    return (PROBES[name](**options) for name, options in cell.probes.items())


def _size(module: torch.nn.Module) -> Measurement:
    return Measurement("size", "parameters", parameter_count(module))


def attention_path(module: torch.nn.Module) -> str | None:
    """Return which paths (fused, streamed, plain) the attention inside took last, None without any."""
    taken = {str(m.path) for m in module.modules() if isinstance(m, Attention) and m.path}
    return "+".join(sorted(taken)) or None
