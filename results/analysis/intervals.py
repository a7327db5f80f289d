"""Means over seeds and over tasks, with their intervals.

An interval from very few seeds would pretend to know their noise: below FEW_SEEDS seeds, the range that the seeds
themselves span is returned, and the interval's `kind` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEW_SEEDS = 5
LEVEL = 0.95


class Interval(NamedTuple):
    """A number and its interval; `kind` is "t", "range" (min to max) or "none" (one seed)."""

    value: float
    low: float
    high: float
    kind: str

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


NOTHING = Interval(float("nan"), float("nan"), float("nan"), "none")


def mean_over_tasks(strata: Sequence[Floats]) -> Interval:
    """Return the mean over tasks of the mean over seeds, with its interval; a stratum is the scores of a task.

    With FEW_SEEDS seeds or more on every task, the 95 % t interval of the sum of independent means (degrees of freedom
    by Welch and Satterthwaite). With fewer, the range from "every task at its worst seed" to "every task at its best".
    """
    filled = [stratum for stratum in strata if stratum.size]
    if not filled:
        return NOTHING
    value = float(np.mean([stratum.mean() for stratum in filled]))
    if max(stratum.size for stratum in filled) == 1:
        return Interval(value, value, value, "none")
    if min(stratum.size for stratum in filled) < FEW_SEEDS:
        worst, best = (float(np.mean([end(stratum) for stratum in filled])) for end in (np.min, np.max))
        return Interval(value, worst, best, "range")
    parts = [float(stratum.var(ddof=1)) / stratum.size / len(filled) ** 2 for stratum in filled]
    variance = sum(parts)
    if variance == 0:
        return Interval(value, value, value, "t")
    half = t_quantile(degrees_of_freedom(parts, [stratum.size - 1 for stratum in filled])) * variance**0.5
    return Interval(value, value - half, value + half, "t")


def mean_interval(scores: Floats) -> Interval:
    """Return the mean over seeds, with its 95 % t interval or, below FEW_SEEDS seeds, their range."""
    count = scores.size
    if count == 0:
        return NOTHING
    mean = float(scores.mean())
    if count == 1:
        return Interval(mean, mean, mean, "none")
    if count < FEW_SEEDS:
        return Interval(mean, float(scores.min()), float(scores.max()), "range")
    half = t_quantile(count - 1) * float(scores.std(ddof=1)) / count**0.5
    return Interval(mean, mean - half, mean + half, "t")


def over_seeds(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return one row for each `key`: value (the mean over seeds), low, high and seeds."""
    found = []
    for values, group in rows.groupby(key, sort=False, dropna=False):
        interval = mean_interval(group["value"].to_numpy(dtype=float))
        numbers = {"value": interval.value, "low": interval.low, "high": interval.high, "seeds": len(group)}
        found.append({**dict(zip(key, values, strict=True)), **numbers})
    return pd.DataFrame(found, columns=[*key, "value", "low", "high", "seeds"])


def degrees_of_freedom(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    """Return the degrees of freedom, by Welch and Satterthwaite, of a sum whose parts are estimated with these."""
    parts = (variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / sum(parts)


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, freedom))
