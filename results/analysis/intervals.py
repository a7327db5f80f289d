"""Interquartile means and their intervals.

Definitions are those of rliable (Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", arXiv:2108.13264). A *stratum* is the scores of all seeds on one task.

An interval from very few seeds is a pretence: below FEW_SEEDS seeds a stratum, what is returned is the
range that the seeds themselves span, and its `kind` says so.
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
RESAMPLES = 2000


class Interval(NamedTuple):
    """A number and its interval; `kind` is "bootstrap", "t", "range" (min to max) or "none" (one seed)."""

    value: float
    low: float
    high: float
    kind: str

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


NOTHING = Interval(float("nan"), float("nan"), float("nan"), "none")


def interquartile_mean(scores: Floats) -> Floats:
    """Return the mean of the middle half along the last axis.

    As in rliable, floor(n / 4) scores are cut off at each end (scipy.stats.trim_mean with 0.25).
    """
    count = scores.shape[-1]
    cut = count // 4
    middle: Floats = np.sort(scores, axis=-1)[..., cut : count - cut].mean(axis=-1)
    return middle


def aggregate(strata: Sequence[Floats], generator: np.random.Generator) -> Interval:
    """Return the interquartile mean over all seeds of all tasks, with its interval.

    With FEW_SEEDS or more seeds on every task, the 95 % percentile interval of the stratified bootstrap.
    With fewer, the range from "every task at its worst seed" to "every task at its best".
    """
    filled = [stratum for stratum in strata if stratum.size]
    if not filled:
        return NOTHING
    value = _pooled(filled)
    seeds = min(stratum.size for stratum in filled)
    if max(stratum.size for stratum in filled) == 1:
        return Interval(value, value, value, "none")
    if seeds < FEW_SEEDS:
        worst = [np.full(stratum.shape, stratum.min()) for stratum in filled]
        best = [np.full(stratum.shape, stratum.max()) for stratum in filled]
        return Interval(value, _pooled(worst), _pooled(best), "range")
    low, high = bootstrap(filled, generator)
    return Interval(value, low, high, "bootstrap")


def bootstrap(
    strata: Sequence[Floats], generator: np.random.Generator, resamples: int = RESAMPLES, level: float = LEVEL
) -> tuple[float, float]:
    """Return the percentile interval of the interquartile mean, seeds resampled within each task."""
    drawn = np.concatenate([_resample(stratum, resamples, generator) for stratum in strata], axis=1)
    return _percentiles(interquartile_mean(drawn), level)


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


def probability_of_improvement(
    ours: Sequence[Floats], theirs: Sequence[Floats], generator: np.random.Generator
) -> Interval:
    """Return the probability that a run of ours beats a run of theirs on a task taken at random.

    A tie counts one half. The interval is the stratified bootstrap's; "range" is not offered here, with
    few seeds the kind is "none" and the interval spans the whole of [0, 1].
    """
    pairs = [(x, y) for x, y in zip(ours, theirs, strict=True) if x.size and y.size]
    if not pairs:
        return NOTHING
    value = float(np.mean([_wins(x[None], y[None])[0] for x, y in pairs]))
    if min(min(x.size, y.size) for x, y in pairs) < FEW_SEEDS:
        return Interval(value, 0.0, 1.0, "none")
    drawn = [_wins(_resample(x, RESAMPLES, generator), _resample(y, RESAMPLES, generator)) for x, y in pairs]
    return Interval(value, *_percentiles(np.mean(drawn, axis=0), LEVEL), "bootstrap")


def t_quantile(freedom: int, level: float = LEVEL) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + level) / 2, freedom))


def _pooled(strata: Sequence[Floats]) -> float:
    return float(interquartile_mean(np.concatenate(strata)))


def _resample(stratum: Floats, resamples: int, generator: np.random.Generator) -> Floats:
    drawn: Floats = generator.choice(stratum, size=(resamples, stratum.size))
    return drawn


def _wins(ours: Floats, theirs: Floats) -> Floats:
    x, y = ours[:, :, None], theirs[:, None, :]
    won: Floats = ((x > y) + 0.5 * (x == y)).mean(axis=(1, 2))
    return won


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
