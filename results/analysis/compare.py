"""Which of two mechanisms scores higher on a task, and whether the data says so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ..store.formats import spread
from .intervals import Interval, mean_interval

MARGIN = 0.05  # five points of the normalised score: less is not worth a sentence


class Difference(NamedTuple):
    """The paired difference of two scores; `sign` is 1 or -1 where the data says which is higher, else 0."""

    interval: Interval
    sign: int

    def __str__(self) -> str:
        value, low, high, _ = self.interval
        return f"{'+' if value >= 0 else ''}{spread(value, low, high)}"


def difference(table: pd.DataFrame, ours: str, theirs: str, task: str) -> Difference | None:
    """Return how much higher `ours` scores than `theirs`, by seed; None where no seed has both."""
    pairs = pd.concat([_by_seed(table, ours, task), _by_seed(table, theirs, task)], axis=1, join="inner").dropna()
    if pairs.empty:
        return None
    gaps = (pairs.iloc[:, 0] - pairs.iloc[:, 1]).to_numpy(dtype=float)
    interval = mean_interval(gaps)
    return Difference(interval, _sign(interval))


def means(table: pd.DataFrame, task: str) -> pd.Series[float]:
    """Return the mean score of each mechanism that has one on the task, in the order of the plan."""
    rows = table[(table["task"] == task) & table["score"].notna()]
    return rows.groupby("mechanism", sort=False)["score"].mean()


def _by_seed(table: pd.DataFrame, mechanism: str, task: str) -> pd.Series[float]:
    rows = table[(table["mechanism"] == mechanism) & (table["task"] == task)]
    return rows.set_index("seed")["score"]


def _sign(interval: Interval) -> int:
    value, low, high, kind = interval
    # One seed agrees with itself: that is no evidence.
    if kind == "none" or abs(value) < MARGIN or low <= 0 <= high:
        return 0
    return int(np.sign(value))
