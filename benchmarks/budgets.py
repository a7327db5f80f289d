"""How many training steps does each task of a suite need? It uses seeds, and so data, that no run of a suite uses.

.venv/bin/python -m benchmarks.budgets suites/tasks.yaml --task cafe --task modular_arithmetic

Each mechanism is trained on each task with the steps of the suite. Where its score on validation data is below 0.9, it
is trained again with twice as many, up to `--most`. The table has the last validation score of each number of steps.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from runner.probes import PROBES
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.trial.measure import measure
from runner.trial.trial import Trial

FIRST_SEED = 1000
ENOUGH = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--task", action="append", help="only this task; may be given several times")
    parser.add_argument("--steps", type=int, help="the fewest steps, in place of those of the suite")
    parser.add_argument("--most", type=int, default=8000, help="the most steps (8000)")
    parser.add_argument("--seeds", type=int, default=1, help="the number of seeds (1)")
    chosen = parser.parse_args()
    plan = make_plan(SuiteFile(chosen.suite))
    steps = {} if chosen.steps is None else {"steps": chosen.steps}
    trials = list(on_other_seeds(plan.trials, chosen.task, chosen.seeds, steps))
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        jobs = [pool.submit(_scores, trial, chosen.most) for trial in trials]
        for trial, job in zip(trials, jobs, strict=True):
            scores = "  ".join(f"{steps}: {score:.2f}" for steps, score in job.result().items())
            mechanism, task = plan.labels[trial.key]
            print(f"{task and task.text} · {mechanism.text} · seed {trial.seed}  {scores}", flush=True)


def on_other_seeds(
    trials: list[Trial], tasks: list[str] | None, seeds: int, recipe: Mapping[str, object]
) -> Iterator[Trial]:
    """Yield the trained trials with the seeds of the scripts, this recipe, and the probe that has the curve."""
    for trial in trials:
        if trial.task is not None and trial.seed == 0 and (tasks is None or trial.task.name in tasks):
            changed = trial.recipe.model_copy(update=dict(recipe))
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                yield replace(trial, recipe=changed, seed=seed, probes=(PROBES.spec("accuracy"),), test_lengths=())


def last_validation(trial: Trial) -> float:
    """Train, and return the last score on validation data; NaN of a trial that did not end well."""
    outcome = measure(trial, torch.device("cpu"))
    found = [
        each.value
        for each in outcome.measurements
        if each.quantity == "normalised" and each.at.get("stage") == "validation"
    ]
    return found[-1] if outcome.outcome == "ok" else float("nan")


def _scores(trial: Trial, most: int) -> dict[int, float]:
    """Return the last validation score by the number of steps."""
    scores: dict[int, float] = {}
    steps = trial.recipe.steps
    while steps <= most and max(scores.values(), default=0.0) < ENOUGH:
        tried = replace(trial, recipe=trial.recipe.model_copy(update={"steps": steps}))
        scores[steps] = last_validation(tried)
        steps *= 2
    return scores


if __name__ == "__main__":
    main()
