"""Which of two mechanisms scores higher on a task, and whether the data says so.

A report prints many comparisons, so each counts: a difference is claimed only where it holds after Holm's correction
over all pairs that the report may print, and is at least MARGIN. That a task tells mechanisms apart, whichever they
are, counts as one comparison more for each task. Few seeds say little about the noise of one mechanism,
so the variance of each is the larger of its own and that of all mechanisms on the task; `benchmarks/false_claims.py`
measures how often the rule claims a difference where there is none. Below FEW_SEEDS seeds nothing is claimed, since no
rule held there where some mechanisms are unstable.

Source: Welch 1947, "The generalization of 'Student's' problem when several different population variances are
involved", for the degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..store.formats import spread
from .intervals import FEW_SEEDS, Floats, degrees_of_freedom, t_quantile
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


class Comparison(NamedTuple):
    """The differences of the pairs that could be tested, and whether any two mechanisms of a task differ.

    `apart` has the tasks on which two mechanisms or more could be compared.
    """

    differences: dict[Pair, Difference]
    apart: dict[str, bool]


class _Sample(NamedTuple):
    """The mean of a mechanism on a task, the variance of that mean, and its degrees of freedom."""

    mean: float
    variance: float
    freedom: float


def compare(table: pd.DataFrame, pairs: Iterable[Pair]) -> Comparison:
    """Compare the mechanisms that have FEW_SEEDS scores or more on a task; `table` is that of `scores`."""
    samples = _samples(table.dropna(subset=["score"]))
    found, tests = {}, {}
    for pair in dict.fromkeys(pairs):
        ours, theirs = samples.get(pair.task, {}).get(pair.ours), samples.get(pair.task, {}).get(pair.theirs)
        if ours is not None and theirs is not None:
            found[pair], tests[pair] = _tested(ours, theirs)
    several = {task: list(each.values()) for task, each in samples.items() if len(each) > 1}
    holds = holm(np.array([*tests.values(), *map(_any_differs, several.values())]))
    differences = {
        pair: each._replace(sign=int(np.sign(each.value)) if differs and abs(each.value) >= MARGIN else 0)
        for (pair, each), differs in zip(found.items(), holds, strict=False)
    }
    # A pair that differs is one of the task's mechanisms, so it needs no test of its own to say that they do.
    named = {pair.task for pair, each in differences.items() if each.sign}
    apart = {task: bool(any_) or task in named for task, any_ in zip(several, holds[len(tests) :], strict=True)}
    return Comparison(differences, apart)


def means(table: pd.DataFrame, task: str) -> pd.Series[float]:
    """Return the mean score of each mechanism that has one on the task, in the order of the plan."""
    rows = table[(table["task"] == task) & table["score"].notna()]
    return rows.groupby("mechanism", sort=False)["score"].mean()


def _samples(rows: pd.DataFrame) -> dict[str, dict[str, _Sample]]:
    """Return the samples by task and mechanism."""
    found: dict[str, dict[str, _Sample]] = {}
    for task, of_task in rows.groupby("task", sort=False):
        groups = of_task.groupby("mechanism", sort=False)["score"].agg(["mean", "var", "count"])
        freedoms = groups["count"] - 1
        pooled = float((freedoms * groups["var"].fillna(0.0)).sum() / max(1, freedoms.sum()))
        for name, mean, variance, count in groups[groups["count"] >= FEW_SEEDS].itertuples():
            own = variance > pooled * (1 + 1e-9)  # or rounding would choose
            freedom = count - 1 if own else float(freedoms.sum())
            found.setdefault(str(task), {})[str(name)] = _Sample(mean, max(variance, pooled) / count, freedom)
    return found


def _tested(ours: _Sample, theirs: _Sample) -> tuple[Difference, float]:
    """Return the difference and the p-value of there being none."""
    value, variances = ours.mean - theirs.mean, [ours.variance, theirs.variance]
    probability = float(_probability(value, variances, [ours.freedom, theirs.freedom]))
    if sum(variances) == 0:
        return Difference(value, value, value, 0), probability
    half = t_quantile(degrees_of_freedom(variances, [ours.freedom, theirs.freedom])) * sum(variances) ** 0.5
    return Difference(value, value - half, value + half, 0), probability


def _any_differs(samples: Sequence[_Sample]) -> float:
    """Return the p-value of no two mechanisms differing, by Bonferroni over all pairs: only those by MARGIN count."""
    mean, variance, freedom = np.array(samples).T
    one, other = np.triu_indices(len(samples), 1)
    value = mean[one] - mean[other]
    probability = _probability(value, [variance[one], variance[other]], [freedom[one], freedom[other]])
    least = float(np.where(np.abs(value) >= MARGIN, probability, 1.0).min())
    return min(1.0, len(one) * least)


def _probability(value: ArrayLike, variances: Sequence[Any], freedoms: Sequence[Any]) -> Floats:
    """Return the p-values of differences being zero, given the variances of both means and their freedoms."""
    from scipy.stats import t

    variance = np.asarray(sum(variances))
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = degrees_of_freedom(variances, freedoms)
        found: Floats = 2 * t.sf(np.abs(value) / np.sqrt(variance), freedom)
    return np.where(variance == 0, np.equal(value, 0), found)
