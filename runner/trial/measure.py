"""The measurement of one trial, in the calling process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import torch

from mechanisms import Attention, SequenceModel
from registry import Quantity, Spec
from registry.quantity import by_name
from results import Measurement, Outcome
from tasks import TargetSpace
from tasks.spaces import ERRORS

from ..probes import Probe, Subject
from ..training import seeds
from ..training.checkpoint import Checkpoint
from ..training.evaluate import evaluate
from ..training.network import parameter_count
from ..training.setup import TrainingSetup, mechanism
from ..training.trainer import QUANTITIES, Diverged, Progress, Trainer, learning_curve, pretraining_curve
from .kept import kept_weights
from .trial import Trial

CLOSE = f"a perfect reader is not better than chance by more than {ERRORS:g} standard errors on these examples"
PARAMETERS = Quantity("parameters", "parameters", digits=0)


def quantities(probes: Iterable[Spec], spaces: Iterable[TargetSpace]) -> dict[str, Quantity]:
    """Return what trials with these probes, on tasks with these target spaces, may measure.

    Raises UserError where two declare one name differently.
    """
    of_probes = (each for probe in probes for each in probe.value.quantities)
    of_spaces = (each for space in spaces for each in space.quantities)
    return by_name([PARAMETERS, *QUANTITIES, *of_probes, *of_spaces])


def measure(
    trial: Trial,
    device: torch.device,
    progress: Progress = lambda done, total: None,
    interrupted: Callable[[], bool] = lambda: False,
    checkpoint: Checkpoint | None = None,
) -> Outcome:
    """Run a trial and return its outcome. Raises Interrupted if it was asked to stop."""
    chosen = [spec and spec.changed() for spec in (trial.mechanism, trial.task, trial.earlier)]
    with seeds.process("process", *chosen, trial.seed):
        if trial.task is None:
            return _untrained(trial, device, progress)
        return _trained(trial, trial.task, device, progress, interrupted, checkpoint)


def _trained(
    trial: Trial,
    task: Spec,
    device: torch.device,
    progress: Progress,
    interrupted: Callable[[], bool],
    checkpoint: Checkpoint | None,
) -> Outcome:
    setup = TrainingSetup(task, _known(trial.trained_length), _known(trial.shortest_length), trial.seed, device)
    network = setup.network(partial(_model, trial), trial.recipe.width)
    trainer = setup.trainer(network, trial.recipe)
    measured = [_size(network)]
    try:
        measured += _train(trial, trainer, progress, interrupted, checkpoint)
    except Diverged as error:
        return Outcome("diverged", str(error), measurements=(*measured, *learning_curve(trainer.history)))
    subject = Subject(
        build=partial(_model, trial),
        recipe=trial.recipe,
        device=device,
        generator=setup.stream,
        trainer=trainer,
        length=setup.length,
        test_lengths=trial.test_lengths,
    )
    path = _path_of_training(trainer)
    for probe in _probes(trial):
        measured += _declared(probe, probe.trained(subject), subject.task.target_space.quantities)
    arrays = kept_weights(subject, trial.keep_weights) if trial.keep_weights else ()
    return Outcome("ok", _without_score(measured), path=path, measurements=tuple(measured), arrays=tuple(arrays))


def _without_score(measured: Sequence[Measurement]) -> str | None:
    """Return on which examples there is no score, and why; None where all have one, or a loss that is NaN."""
    nan = [each for each in measured if math.isnan(each.value)]
    lost = [each.at for each in nan if each.quantity == "loss"]
    close = [each.at for each in nan if each.quantity == "normalised" and each.at not in lost]
    names = {"validation": "validation data", "test": "test data of length {length}"}
    found = dict.fromkeys(names[str(at["stage"])].format(**at) for at in close if at.get("stage") in names)
    return f"no score on {' and '.join(found)}: {CLOSE}" if found else None


def _train(
    trial: Trial,
    trainer: Trainer,
    progress: Progress,
    interrupted: Callable[[], bool],
    checkpoint: Checkpoint | None,
) -> Iterator[Measurement]:
    """Pre-train if the trial says so, and yield the learning curve of that; then train on the task."""
    steps, before = trial.recipe.steps, 0
    if trial.earlier is not None:
        earlier = TrainingSetup(
            trial.earlier,
            _known(trial.earlier_length),
            _known(trial.earlier_shortest_length),
            trial.seed,
            trainer.device,
        )
        try:
            history = earlier.pretrain(
                trainer.network,
                partial(_model, trial),
                trial.recipe.model_copy(update={"steps": _known(trial.earlier_steps)}),
                lambda done, total: progress(done, total + steps),
                interrupted,
                checkpoint and checkpoint.stage("earlier"),
            )
        except Diverged as error:
            yield from pretraining_curve(error.history)
            raise
        yield from pretraining_curve(history)
        before = history.steps
    trainer.run(lambda done, total: progress(done + before, total + before), interrupted, checkpoint)


def _untrained(trial: Trial, device: torch.device, progress: Progress) -> Outcome:
    built: list[SequenceModel] = [_model(trial)]

    def build(*, layer: int | None = None) -> SequenceModel:
        built[:] = [_model(trial, layer=layer)]
        return built[0]

    stream = partial(seeds.generator, device, "data", None, trial.seed)
    subject = Subject(build=build, recipe=trial.recipe, device=device, generator=stream, progress=progress)
    measured = [_size(built[0])]
    for probe in _probes(trial):
        measured += _declared(probe, probe.untrained(subject))
    return Outcome("ok", path=attention_path(built[0]), measurements=tuple(measured))


def _model(trial: Trial, causal: bool = True, *, layer: int | None = None) -> SequenceModel:
    return mechanism(trial.mechanism, trial.recipe.width, trial.seed, causal=causal, layer=layer)


def _probes(trial: Trial) -> Iterator[Probe]:
    return (probe.build() for probe in trial.probes)


def _declared(
    probe: Probe, measurements: Iterable[Measurement], of_the_task: Iterable[Quantity] = ()
) -> Iterator[Measurement]:
    """Yield the measurements. Raises ValueError at one whose quantity or coordinates nothing declares."""
    declared = by_name([*QUANTITIES, *probe.quantities, *of_the_task])
    for each in measurements:
        if each.quantity not in declared:
            raise ValueError(f"{type(probe).__name__} measures '{each.quantity}', which its quantities do not declare")
        if unknown := each.at.keys() - {"stage", *declared[each.quantity].over}:
            raise ValueError(f"'{each.quantity}' is measured over {', '.join(unknown)}, which it does not declare")
        yield each


def _size(module: torch.nn.Module) -> Measurement:
    return Measurement("size", "parameters", parameter_count(module))


def _known(value: int | None) -> int:
    assert value is not None, "a trial with a task has its lengths and steps"
    return value


def _path_of_training(trainer: Trainer) -> str | None:
    """Return the path of the last evaluation, which is made again where it was made before a checkpoint."""
    if attention_path(trainer.network) is None and any(isinstance(e, Attention) for e in trainer.network.modules()):
        evaluate(trainer.network, trainer.task, trainer.validation[-1])
    return attention_path(trainer.network)


def attention_path(module: torch.nn.Module) -> str | None:
    """Return the paths (fused, streamed, plain) that attention in the module took last, None without attention."""
    taken = {str(part.path) for part in module.modules() if isinstance(part, Attention) and part.path}
    return "+".join(sorted(taken)) or None
