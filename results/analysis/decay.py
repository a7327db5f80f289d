"""How fast the gradient fades with distance, or with depth: profiles g(Δ) and what is read off them.

g(Δ) = E ‖∂loss/∂e‖₂ at the input embedding Δ positions before the scored answer, in any unit of loss; it is
divided by g at the nearest distance, so that 1 is "as strong as right beside the answer". Over depth, Δ is how many
layers lie between a layer and the last one, and the nearest is the last layer itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from .fits import robust_slope
from .intervals import NOTHING, Floats, Interval, mean_interval

UNDERFLOW = 1e-300  # below this float64 loses its digits: taken for zero
FALLEN = 0.01
BOUND = 100.0
EXPLAINED = 0.9  # of the variance of ln g: less is no exponential
MECHANISM = ["mechanism", "model", "mechanism.alignment"]
PROFILE = [*MECHANISM, "stage", "task", "length"]
DEPTH_PROFILE = [*MECHANISM, "wiring", "depth"]
PROFILES = {"gradient_norm": PROFILE, "jacobian_norm": PROFILE, "layer_gradient_norm": DEPTH_PROFILE}
"""The columns of which each value is one profile, by quantity."""


class Decay(NamedTuple):
    """What is read off one profile.

    `rate` is in nats per position or layer, positive where the gradient vanishes with distance (a profile r^Δ has the
    rate -ln r), by a Theil-Sen fit of ln g over Δ; NaN where the fit explains less than EXPLAINED of the variance of ln
    g. `low` and `high` are its interval. `horizon` is the distance at which g has fallen to 1 % of the nearest, inf
    where it has not within `reach`, the farthest distance measured. `verdict` is "stable" where g stays between 1/BOUND
    and BOUND times the nearest, else "vanishing" or "exploding" where an exponential fits, else "no exponential";
    "none" where there is no gradient at the nearest position.
    """

    rate: float
    low: float
    high: float
    explained: float
    horizon: float
    reach: int
    verdict: str


def profiles(frame: pd.DataFrame, quantity: str = "gradient_norm") -> pd.DataFrame:
    """Return g over distance for each profile of a quantity, normalised by the nearest.

    Columns: those of PROFILES, distance, value (the mean over seeds), low and high (lowest and highest seed, each
    normalised by its own nearest), raw (the mean, not normalised), seeds.
    """
    profile, rows = PROFILES[quantity], _norms(frame, quantity)
    own = rows.groupby([*profile, "seed", "trial"], dropna=False)["value"].transform("first")
    rows = rows.assign(relative=_ratio(rows["value"], own))
    by_distance = rows.groupby([*profile, "distance"], dropna=False)
    table = by_distance.agg(
        raw=("value", "mean"), low=("relative", "min"), high=("relative", "max"), seeds=("seed", "nunique")
    ).reset_index()
    nearest = table.groupby(profile, dropna=False)["raw"].transform("first")
    table["value"] = _ratio(table["raw"], nearest)
    # The mean of the seeds leans to the seed with the larger gradient, so it may leave their relative range.
    table["low"], table["high"] = table[["low", "value"]].min(axis=1), table[["high", "value"]].max(axis=1)
    return table[[*profile, "distance", "value", "low", "high", "raw", "seeds"]]


def _norms(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return the rows of a quantity, the nearest distance first; over depth, that is the last layer."""
    rows = frame[frame["quantity"] == quantity]
    if "depth" in PROFILES[quantity]:
        rows = rows.reindex(columns=[*dict.fromkeys([*rows, "depth", "layer", "wiring"])])
        rows = rows.assign(distance=rows["depth"] - rows["layer"])
    return rows.dropna(subset=["distance", "value"]).sort_values("distance")


def decay(distance: Floats, norms: Sequence[Floats]) -> Decay:
    """Return what profiles at increasing `distance` say, one of each seed; see Decay.

    The rate is the mean over seeds of each seed's own, with the interval over seeds; horizon and verdict are those of
    the mean profile. How much the fit explains is the median over seeds.
    """
    mean: Floats = np.mean(norms, axis=0)
    reach = int(distance[-1]) if distance.size else 0
    if not mean.size or mean[0] <= UNDERFLOW:
        return Decay(math.nan, math.nan, math.nan, math.nan, math.nan, reach, "none")
    fits = [_fit(distance, norm) for norm in norms]
    explained = float(np.median([fit.explained for fit in fits]))
    rates = np.array([fit.rate for fit in fits])
    # An infinite rate has no interval: the gradient fell past what float64 holds within one step.
    fastest = float(rates.max())
    interval = Interval(fastest, fastest, fastest, "none") if math.isinf(fastest) else mean_interval(rates)
    if explained < EXPLAINED:
        interval = NOTHING
    verdict = _verdict(mean, rising=interval.value < 0, exponential=explained >= EXPLAINED)
    return Decay(*interval[:3], explained, _horizon(distance, mean), reach, verdict)


def decays(frame: pd.DataFrame, quantity: str = "gradient_norm") -> pd.DataFrame:
    """Return one row for each profile of a quantity: the columns of PROFILES and the fields of Decay."""
    profile, rows = PROFILES[quantity], []
    for key, group in _norms(frame, quantity).groupby(profile, dropna=False, sort=False):
        by_seed = group.pivot_table(
            index="distance", columns=["seed", "trial"], values="value", aggfunc="first"
        ).dropna()
        of_seeds = [by_seed[seed].to_numpy(dtype=float) for seed in by_seed]
        found = decay(by_seed.index.to_numpy(dtype=float), of_seeds or [np.array([])])
        rows.append({**dict(zip(profile, key, strict=True)), **found._asdict()})
    # Stated, since a column of which every row is missing would otherwise be one of numbers.
    texts = {name: "str" for name in ("mechanism.alignment", "task") if name in profile}
    return pd.DataFrame(rows, columns=[*profile, *Decay._fields]).astype(texts)


class _Fit(NamedTuple):
    rate: float
    explained: float


def _fit(distance: Floats, norm: Floats) -> _Fit:
    """Return the decay rate of one profile, and the share of the variance of ln g that the line explains."""
    alive = norm > UNDERFLOW
    if alive.sum() < 2:
        return _Fit(math.inf, 1.0)
    x, y = distance[alive], np.log(norm[alive])
    slope = robust_slope(x, y).value
    rest = y - slope * x
    total = float(((y - y.mean()) ** 2).sum())
    left = float(((rest - np.median(rest)) ** 2).sum())
    return _Fit(-slope, 1.0 - left / total if total > 1e-18 else 1.0)


def _verdict(norm: Floats, *, rising: bool, exponential: bool) -> str:
    relative = norm / norm[0]
    if relative.min() >= 1 / BOUND and relative.max() <= BOUND:
        return "stable"
    return ("exploding" if rising else "vanishing") if exponential else "no exponential"


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
