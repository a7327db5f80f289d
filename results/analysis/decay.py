"""How fast the gradient fades with distance: profiles g(Δ) and what is read off them.

g(Δ) = E ‖∂loss/∂e‖₂ at the input embedding Δ positions before the scored answer, in any unit of loss; it is
divided by g at the nearest distance, so that 1 is "as strong as right beside the answer".
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from .fits import robust_slope
from .intervals import Floats

UNDERFLOW = 1e-300  # below this float64 loses its digits: taken for zero
FALLEN = 0.01
BOUND = 100.0
PROFILE = ["mechanism", "model", "mechanism.alignment", "stage", "task", "length"]


class Decay(NamedTuple):
    """What is read off one profile.

    `rate` is in nats per position, positive where the gradient vanishes with distance (a profile r^Δ has
    rate -ln r), by a Theil-Sen fit of ln g over Δ with its 95 % interval `low` to `high`. `horizon` is the
    distance at which g has fallen to 1 % of the nearest, inf where it has not within `reach`, the
    farthest distance measured. `verdict` is vanishing, stable or exploding by the fitted change over the
    range measured: below 1/100, between, above 100; "none" where there is no gradient at all.
    """

    rate: float
    low: float
    high: float
    horizon: float
    reach: int
    verdict: str


def profiles(frame: pd.DataFrame) -> pd.DataFrame:
    """Return g over distance for each mechanism, stage, task and length, normalised by the nearest.

    Columns: those of PROFILE, distance, value (the mean over seeds), low and high (lowest and highest seed,
    each normalised by its own nearest), seeds.
    """
    rows = frame[frame["quantity"] == "gradient_norm"].dropna(subset=["distance", "value"])
    rows = rows.sort_values("distance")
    own = rows.groupby([*PROFILE, "seed", "trial"], dropna=False)["value"].transform("first")
    rows = rows.assign(relative=_ratio(rows["value"], own))
    by_distance = rows.groupby([*PROFILE, "distance"], dropna=False)
    table = by_distance.agg(
        raw=("value", "mean"), low=("relative", "min"), high=("relative", "max"), seeds=("seed", "nunique")
    ).reset_index()
    nearest = table.groupby(PROFILE, dropna=False)["raw"].transform("first")
    table["value"] = _ratio(table["raw"], nearest)
    # The mean of the seeds leans to the seed with the larger gradient, so it may leave their relative range.
    table["low"], table["high"] = table[["low", "value"]].min(axis=1), table[["high", "value"]].max(axis=1)
    return table[[*PROFILE, "distance", "value", "low", "high", "seeds"]]


def decay(distance: Floats, norm: Floats) -> Decay:
    """Return what a profile (`norm` at increasing `distance`) says; see Decay."""
    reach = int(distance[-1]) if distance.size else 0
    alive = norm > UNDERFLOW
    if not alive.any() or not alive[0]:
        return Decay(math.nan, math.nan, math.nan, math.nan, reach, "none")
    slope = robust_slope(distance[alive], np.log(norm[alive]))
    # Only the nearest is alive: it fell past what float64 can hold within one step.
    rate = math.inf if alive.sum() == 1 and distance.size > 1 else -slope.value
    horizon = _horizon(distance, norm)
    return Decay(rate, -slope.high, -slope.low, horizon, reach, _verdict(rate, distance, bool(alive[-1])))


def decays(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a profile: the columns of PROFILE and the fields of Decay."""
    table = profiles(frame)
    rows = []
    for key, profile in table.groupby(PROFILE, dropna=False, sort=False):
        found = decay(profile["distance"].to_numpy(dtype=float), profile["value"].to_numpy(dtype=float))
        rows.append({**dict(zip(PROFILE, key, strict=True)), **found._asdict()})
    # Said outright, since a column of which every row is missing would otherwise be one of numbers.
    texts = dict.fromkeys(("mechanism.alignment", "task"), "str")
    return pd.DataFrame(rows, columns=[*PROFILE, *Decay._fields]).astype(texts)


def _verdict(rate: float, distance: Floats, reaches: bool) -> str:
    if not reaches:
        return "vanishing"
    change = -rate * float(distance[-1] - distance[0])
    if math.isnan(change):
        return "none"
    return "vanishing" if change < -math.log(BOUND) else "exploding" if change > math.log(BOUND) else "stable"


def _horizon(distance: Floats, norm: Floats) -> float:
    """Return where the profile first falls to 1 %, interpolated between its neighbours in ln g."""
    target = FALLEN * norm[0]
    below = np.flatnonzero(norm <= target * (1 + 1e-12))
    if not below.size:
        return math.inf
    after = int(below[0])
    if norm[after] <= UNDERFLOW:
        return float(distance[after])
    high, low = math.log(norm[after - 1]), math.log(norm[after])
    share = (high - math.log(target)) / (high - low)
    return float(distance[after - 1] + min(1.0, share) * (distance[after] - distance[after - 1]))


def _ratio(values: pd.Series[float], by: pd.Series[float]) -> pd.Series[float]:
    return (values / by.where(by > 0)).fillna(0.0)
