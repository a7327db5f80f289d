"""Which of two mechanisms scores higher on a task, and whether the data says so.

A report prints many comparisons, so each counts: a difference is claimed only where it holds after Holm's correction
over all pairs that the report may print, and is at least MARGIN. Few seeds say little about the noise of one mechanism,
so the variance of each is the larger of its own and that of all mechanisms on the task; `benchmarks/false_claims.py`
measures how often the rule claims a difference where there is none. Below FEW_SEEDS seeds nothing is claimed, since no
rule held there where some mechanisms are unstable.

Source: Welch 1947, "The generalization of 'Student's' problem when several different population variances are
involved", for the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..store.formats import spread
from .intervals import FEW_SEEDS, degrees_of_freedom, t_quantile
from .multiple import holm

MARGIN = 0.05  # five points of the normalised score: less is not worth a sentence


class Pair(NamedTuple):
    """Two mechanisms and a task on which a report may compare them."""

    ours: str
    theirs: str
    task: str


class Difference(NamedTuple):
    """How much higher the mean of `ours` is, with its 95 % interval; `sign` is 0 where no difference is claimed."""

    value: float
    low: float
    high: float
    sign: int

    def __str__(self) -> str:
        return f"{'+' if self.value >= 0 else ''}{spread(self.value, self.low, self.high)}"


class _Sample(NamedTuple):
    """The mean of a mechanism on a task, the variance of that mean, and its degrees of freedom."""

    mean: float
    variance: float
    freedom: float


def differences(table: pd.DataFrame, pairs: Iterable[Pair]) -> dict[Pair, Difference]:
    """Return the difference of each pair of which both have FEW_SEEDS scores or more; `table` is that of `scores`."""
    samples = _samples(table.dropna(subset=["score"]))
    found, tests = {}, {}
    for pair in dict.fromkeys(pairs):
        ours, theirs = samples.get((pair.ours, pair.task)), samples.get((pair.theirs, pair.task))
        if ours is not None and theirs is not None:
            found[pair], tests[pair] = _tested(ours, theirs)
    rejected = holm(np.array(list(tests.values())))
    return {
        pair: each._replace(sign=int(np.sign(each.value)) if differs and abs(each.value) >= MARGIN else 0)
        for (pair, each), differs in zip(found.items(), rejected, strict=True)
    }


def means(table: pd.DataFrame, task: str) -> pd.Series[float]:
    """Return the mean score of each mechanism that has one on the task, in the order of the plan."""
    rows = table[(table["task"] == task) & table["score"].notna()]
    return rows.groupby("mechanism", sort=False)["score"].mean()


def _samples(rows: pd.DataFrame) -> dict[tuple[str, str], _Sample]:
    found = {}
    for task, of_task in rows.groupby("task", sort=False):
        groups = of_task.groupby("mechanism", sort=False)["score"].agg(["mean", "var", "count"])
        freedoms = groups["count"] - 1
        pooled = float((freedoms * groups["var"].fillna(0.0)).sum() / max(1, freedoms.sum()))
        for name, mean, variance, count in groups[groups["count"] >= FEW_SEEDS].itertuples():
            own = variance > pooled * (1 + 1e-9)  # or rounding would choose
            freedom = count - 1 if own else float(freedoms.sum())
            found[str(name), str(task)] = _Sample(mean, max(variance, pooled) / count, freedom)
    return found


def _tested(ours: _Sample, theirs: _Sample) -> tuple[Difference, float]:
    """Return the difference and the p-value of there being none."""
    from scipy.stats import t

    value, variance = ours.mean - theirs.mean, ours.variance + theirs.variance
    if variance == 0:
        return Difference(value, value, value, 0), 0.0 if value else 1.0
    freedom = degrees_of_freedom([ours.variance, theirs.variance], [ours.freedom, theirs.freedom])
    half = t_quantile(freedom) * variance**0.5
    return Difference(value, value - half, value + half, 0), float(2 * t.sf(abs(value) / variance**0.5, freedom))
