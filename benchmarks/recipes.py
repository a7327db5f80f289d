"""Which learning rate and how many steps suit a suite? It uses seeds, and so data, that no run of a suite uses.

.venv/bin/python -m benchmarks.recipes suites/quick.yaml --rate 0.001 0.002 0.004 --steps 300 600

Every trained trial of the suite is trained with each recipe, for the first seeds of this script. The table has, for
each recipe, the mean of the last validation scores on each task over its mechanisms (a trial that does not end well
counts as 0) and how many of them tie at the score at which training stops, the mean over all tasks, and the seconds
that all trials took together. Test data is not looked at. docs/decisions.md has the choice and its reason.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from results.store.labels import Label
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training.trainer import SOLVED
from runner.trial.trial import Trial

from .budgets import last_validation, on_other_seeds


@dataclass(frozen=True)
class Tried:
    task: str
    mechanism: str
    score: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", type=Path)
    parser.add_argument("--rate", type=float, nargs="+", required=True)
    parser.add_argument("--steps", type=int, nargs="+", required=True)
    parser.add_argument("--task", action="append", help="only this task; may be given several times")
    parser.add_argument("--seeds", type=int, default=1, help="the number of seeds (1)")
    parser.add_argument("--each", action="store_true", help="print the score of each mechanism, too")
    chosen = parser.parse_args()
    plan = make_plan(SuiteFile(chosen.suite))
    with ProcessPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rate, steps in itertools.product(chosen.rate, chosen.steps):
            recipe = {"learning_rate": rate, "steps": steps}
            trials = list(on_other_seeds(plan.trials, chosen.task, chosen.seeds, recipe))
            labels = [_labels(plan.labels, trial) for trial in trials]
            rows = pd.DataFrame(
                [Tried(*label, *found) for label, found in zip(labels, pool.map(_timed, trials), strict=True)]
            )
            if chosen.each:
                print(rows.groupby(["task", "mechanism"], sort=False)["score"].mean().round(2).to_string())
            means = rows.groupby("task", sort=False)["score"].mean()
            solved = rows[rows["score"] >= SOLVED]["task"].value_counts()
            told = "  ".join(f"{task} {score:.2f} ({solved.get(task, 0)} tie)" for task, score in means.items())
            print(
                f"rate {rate:g}, {steps} steps: mean {means.mean():.3f}, {rows['seconds'].sum():.0f} s | {told}",
                flush=True,
            )


def _labels(labels: Mapping[str, tuple[Label, Label | None]], trial: Trial) -> tuple[str, str]:
    mechanism, task = labels[trial.key]
    assert task is not None  # only trained trials are tried
    return task.text, mechanism.text


def _timed(trial: Trial) -> tuple[float, float]:
    begin = time.perf_counter()
    score = last_validation(trial)
    return (0.0 if math.isnan(score) else score), time.perf_counter() - begin


if __name__ == "__main__":
    main()
