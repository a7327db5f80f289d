"""How cost grows with length: exponents of time and of memory.

Time is the time for a whole sequence: batch · length / (tokens per second). Its exponent is therefore
1 - (slope of ln tokens/s over ln length): 1 for a network whose cost per token does not depend on the
length, 2 for one whose cost per token grows with it. Decoding is counted alike: the time to decode as
many positions as the source has. For bytes the exponent is the slope itself.

It is fitted over the lengths measured, all of them, so fixed costs at short lengths pull it down. Where several rounds
were timed, each has a slope of its own, and the exponent is their mean with a t interval: what slows down a whole round
cancels, and what changes slowly within a round is in the differences between the rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from .fits import least_squares_slope
from .intervals import Floats, Interval, t_quantile
from .timings import RATE, in_one_session

if TYPE_CHECKING:
    from .run import Run

SPEEDS = ("train", "prefill", "decode")
BYTES = ("peak_memory", "state")
SCALED = (*SPEEDS, *BYTES)
GROUP = ["mechanism", "model", "mechanism.alignment", "quantity"]


def exponent(length: Floats, value: Floats) -> Interval:
    """Return the log-log slope of `value` over `length` with its 95 % t interval; what is not positive is left out."""
    usable = (value > 0) & np.isfinite(value) & (length > 0)
    return least_squares_slope(np.log(length[usable]), np.log(value[usable]))


def by_length(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what was measured at several lengths: the columns of GROUP, length, value, low, high, unit, moved.

    Where several trials measured the same, as rounds do, `value` is their median, and low and high are their quartiles;
    of a single trial they are its own. Speeds are those of one session (`in_one_session`).
    """
    rows = in_one_session(frame)
    rows = rows[rows["quantity"].isin(SCALED) & rows["length"].notna()].dropna(subset=["value"])
    by_length = rows.groupby([*GROUP, "length"], dropna=False, sort=False)
    found = by_length.agg(
        value=("value", "median"),
        low=("low", "median"),
        high=("high", "median"),
        unit=("unit", "first"),
        moved=("moved", "first"),
        trials=("value", "size"),
    )
    quartiles = by_length["value"].quantile(0.25), by_length["value"].quantile(0.75)
    several = found.pop("trials") > 1
    low, high = (found[name].mask(several, each) for name, each in zip(("low", "high"), quartiles, strict=True))
    return found.assign(low=low, high=high).reset_index()


def mean_slope(slopes: Floats) -> Interval:
    """Return the mean of the slopes of several rounds with its 95 % t interval."""
    mean = float(slopes.mean())
    half = t_quantile(slopes.size - 1) * float(slopes.std(ddof=1)) / slopes.size**0.5
    return Interval(mean, mean - half, mean + half, "t")


def slopes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mechanism and quantity: exponent, low, high, lengths (how many were measured).

    Of tokens per second the exponent is that of the time, of all else that of the quantity.
    """
    rows = frame[frame["quantity"].isin(SCALED) & frame["length"].notna()].dropna(subset=["value"])
    found = []
    for key, group in rows.groupby(GROUP, dropna=False, sort=False):
        of_trials = [_slope(trial) for _, trial in group.groupby("trial", sort=False)]
        values = np.array([each.value for each in of_trials])
        values = values[np.isfinite(values)]
        interval = mean_slope(values) if values.size > 1 else _slope(group)
        lengths = group["length"].nunique()
        found.append([*key, interval.value, interval.low, interval.high, lengths])
    return pd.DataFrame(found, columns=[*GROUP, "exponent", "low", "high", "lengths"])


def _slope(rows: pd.DataFrame) -> Interval:
    length, value = rows["length"].to_numpy(dtype=float), rows["value"].to_numpy(dtype=float)
    return exponent(length, length / value if rows["unit"].iloc[0] == RATE else value)


def speeds(run: Run, quantities: Sequence[str]) -> pd.DataFrame:
    """Return these quantities of the run by length, see `by_length`."""
    return run.by_length[run.by_length["quantity"].isin(quantities)].reset_index(drop=True)


def exponents(run: Run, quantities: Sequence[str]) -> pd.DataFrame:
    """Return how these quantities of the run grow, see `slopes`."""
    return run.slopes[run.slopes["quantity"].isin(quantities)].reset_index(drop=True)


def common_length(run: Run, quantity: str = "train") -> int | None:
    """Return the largest length at which all mechanisms that have this quantity have it, None if there is none."""
    timed = run.frame[run.frame["quantity"] == quantity].dropna(subset=["length", "value"])
    counts = timed.groupby("length")["mechanism"].nunique()
    everywhere = counts[counts == timed["mechanism"].nunique()]
    return int(everywhere.index.max()) if len(everywhere) else None
