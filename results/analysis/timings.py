"""Which of two mechanisms is faster, and what brings timings of several sessions to one.

A session is one call of the runner, and a round of it times every mechanism once. A ratio of speeds is taken within a
round, so that what slows the machine down for minutes cancels; the logarithms of the ratios of all common rounds give a
t interval. A ratio is claimed where this interval excludes all ratios up to MARGIN, by Holm's procedure over everything
that is compared: on mechanisms of the same speed at most 5 % of all reports claim a ratio.

What was timed in another session is set beside the rest by the reference job, which every trial times, but is compared
with nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from .intervals import t_quantile
from .multiple import holm

MARGIN = 1.1  # less is not worth a sentence
RATE = "tokens/s"
REFERENCE = "reference"
ROUND = ["session", "round"]


class Pair(NamedTuple):
    """Two mechanisms whose speeds are compared, at one length or at every length."""

    one: str
    other: str
    quantity: str
    length: int | None = None


def compare(frame: pd.DataFrame, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Compare the speeds of pairs: a row for each pair and length at which both were timed in the same rounds.

    Columns: those of Pair, ratio (how many times as fast `one` is as `other`) with its 95 % interval low to
    high, rounds, and sign: 1 where `one` is claimed to be faster, -1 where `other` is, else 0.
    """
    table = _by_round(frame)
    rows = [row for pair in pairs for row in _compared(table, pair)]
    found = pd.DataFrame(rows, columns=[*Pair._fields, "ratio", "low", "high", "rounds", "p"])
    signs = np.sign(np.log(found["ratio"].to_numpy(dtype=float))).astype(int)
    return found.assign(sign=signs * holm(found["p"].to_numpy(dtype=float))).drop(columns="p")


def in_one_session(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the measurements with speeds as they would have been in the main session, and the column `moved`.

    A speed is multiplied by the ratio of the reference job's medians in the two sessions. `moved` says that nothing of
    this mechanism was timed in the main session, which is the one with most trials.
    """
    timed = frame[(frame["quantity"] == REFERENCE) & frame["session"].notna()]
    if timed["session"].nunique() < 2:
        return frame.assign(moved=False)
    main = str(timed["session"].value_counts().sort_index().idxmax())
    medians = timed.groupby("session")["value"].median()
    factor = frame["session"].map(medians[main] / medians).where(frame["unit"] == RATE).fillna(1.0)
    here = set(timed.loc[timed["session"] == main, "mechanism"])
    moved = frame["mechanism"].isin(set(timed["mechanism"]) - here) & (frame["unit"] == RATE)
    return frame.assign(**{name: frame[name] * factor for name in ("value", "low", "high")}, moved=moved)


def moved(frame: pd.DataFrame) -> list[str]:
    """Return the mechanisms that were timed in another session than the rest."""
    found = in_one_session(frame)
    return [str(name) for name in found.loc[found["moved"], "mechanism"].unique()]


def _by_round(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the logarithms of the speeds: a row a quantity, length and round, and a column a mechanism."""
    rows = frame[(frame["unit"] == RATE) & (frame["value"] > 0)].dropna(subset=["length", *ROUND])
    rows = rows.assign(speed=np.log(rows["value"]))
    return rows.pivot_table(index=["quantity", "length", *ROUND], columns="mechanism", values="speed", aggfunc="median")


def _compared(table: pd.DataFrame, pair: Pair) -> list[dict[str, object]]:
    if not {pair.one, pair.other} <= set(table.columns) or pair.quantity not in table.index.get_level_values(0):
        return []
    ratios = (table[pair.one] - table[pair.other]).xs(pair.quantity).dropna()
    return [
        {**pair._asdict(), "length": length, **_ratio(group)}
        for length, group in ratios.groupby(level="length")
        if pair.length in (None, length)
    ]


def _ratio(logarithms: pd.Series[float]) -> dict[str, float]:
    """Return the ratio with its interval, and the probability of such a ratio where it is at most MARGIN."""
    from scipy.stats import t

    count, mean = len(logarithms), float(logarithms.mean())
    if count < 2:
        return {"ratio": float(np.exp(mean)), "low": np.nan, "high": np.nan, "rounds": count, "p": 1.0}
    # Rounds that agree to the last digit are made up; a tiny error keeps the division defined.
    error = max(float(logarithms.std(ddof=1)) / count**0.5, 1e-12)
    beyond = (abs(mean) - np.log(MARGIN)) / error
    half = t_quantile(count - 1) * error
    low, value, high = np.exp([mean - half, mean, mean + half])
    return {
        "ratio": value,
        "low": low,
        "high": high,
        "rounds": count,
        "p": min(1.0, 2 * float(t.sf(beyond, count - 1))),
    }
