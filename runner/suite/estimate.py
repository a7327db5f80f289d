"""How long a run takes, and how much disk it needs, before it begins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..trial.trial import Trial
from .plan import Plan
from .steps import Step, StepTimer, steps_of, threads

BUDGET = 15.0  # seconds for timing in all
LARGEST = 2**26  # elements of a tensor, and parameters of a model: a larger step could fill the memory
START, SERVER = 0.2, 5.0  # seconds: the start of a trial's process, and once that of the process that starts them
FORWARD = 1 / 3  # of a training step
# Bytes, from the runs of suites/quick.yaml: of a trial, of a measurement, and measurements of a probe.
OF_TRIAL, OF_MEASUREMENT, MEASUREMENTS = 2000, 120, 50
OF_PARAMETER = 12  # bytes in a checkpoint: the weight, and two averages of the optimiser


@dataclass(frozen=True)
class Estimate:
    """The `seconds` of a run in which every trial needs all its steps, None where no step could be timed.

    `timed` of the `steps`, which are pairs of a mechanism and a task, were timed; the others count as their mean.
    """

    seconds: float | None
    workers: int
    timed: int
    steps: int
    results: int
    checkpoints: int


def estimate(
    plan: Plan, workers: int, limit: float, timed: Callable[[Sequence[Step], Plan], Mapping[Step, float]] | None = None
) -> Estimate:
    """Estimate a run of all trials of the plan, each of at most `limit` seconds, with `workers` at the same time."""
    wanted = list(dict.fromkeys(step for trial in plan.trials for step, _ in steps_of(trial)))
    found = (timed or time_steps)(wanted, plan)
    mean = sum(found.values()) / len(found) if found else 0.0
    each = [(trial, min(limit, _seconds(trial, found, mean))) for trial in plan.trials]
    shared = [seconds for trial, seconds in each if not trial.alone]
    alone = [seconds for trial, seconds in each if trial.alone]
    # A worker that has taken the longest trial last keeps the others waiting.
    seconds = SERVER + max(sum(shared) / workers, max(shared, default=0.0)) + sum(alone)
    sizes = sorted((each.parameters or 0 for each in plan.mechanisms), reverse=True)
    return Estimate(
        seconds=seconds if found or not wanted else None,
        workers=workers,
        timed=len(found),
        steps=len(wanted),
        results=sum(map(_bytes, plan.trials)),
        checkpoints=OF_PARAMETER * sum(sizes[:workers]) if wanted else 0,
    )


def time_steps(
    steps: Sequence[Step],
    plan: Plan,
    seconds: Callable[[Step, torch.device], float] = lambda step, device: StepTimer(step, device).seconds(),
    clock: Callable[[], float] = time.monotonic,
) -> dict[Step, float]:
    """Return the seconds of the steps that can be timed in this process within the BUDGET.

    Plug-ins are left out, because they run only in the processes of their trials, and so is what is too large.
    """
    device, begin = torch.device(plan.device), clock()
    parameters = {(each.spec, each.width): each.parameters for each in plan.mechanisms}
    found: dict[Step, float] = {}
    for step in steps:
        size = max(step.elements, parameters.get((step.mechanism, step.width)) or 0)
        if step.is_foreign or size > LARGEST or clock() - begin > BUDGET:
            continue
        try:
            with threads(plan.threads):
                found[step] = seconds(step, device)
        except Exception:
            # The trial will say why.
            continue
    return found


def _seconds(trial: Trial, found: Mapping[Step, float], mean: float) -> float:
    if trial.task is None:
        return START + sum(float(probe.build().about_seconds) for probe in trial.probes)
    recipe, seconds = trial.recipe, START
    for step, steps in steps_of(trial):
        examples = _evaluations(trial, steps) * recipe.validation_examples / recipe.batch
        seconds += found.get(step, mean) * (steps + FORWARD * examples)
    trained, _ = next(steps_of(trial))
    tested = sum(recipe.test_examples / recipe.batch * length / trained.length for length in trial.test_lengths)
    return seconds + found.get(trained, mean) * FORWARD * tested


def _evaluations(trial: Trial, steps: int) -> int:
    return 1 + math.ceil(steps / trial.recipe.evaluate_every)


def _bytes(trial: Trial) -> int:
    # The validation score, and the losses on training and validation data.
    curve = 3 * sum(_evaluations(trial, steps) for _, steps in steps_of(trial))
    return OF_TRIAL + OF_MEASUREMENT * (curve + MEASUREMENTS * len(trial.probes))
