"""Straight lines through points, with 95 % intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .intervals import Floats, Interval, t_quantile

MOST_POINTS = 400  # Theil-Sen looks at every pair of points


def robust_slope(x: ArrayLike, y: ArrayLike) -> Interval:
    """Return the Theil-Sen slope of y over x (the median over all pairs) and its 95 % interval.

    Source: Sen 1968, as in scipy.stats.theilslopes. Two points give a slope without an interval.
    """
    from scipy.stats import theilslopes

    across, up = _thin(np.asarray(x, dtype=float)), _thin(np.asarray(y, dtype=float))
    if across.size < 2:
        return Interval(np.nan, np.nan, np.nan, "none")
    if across.size == 2:
        return Interval(float((up[1] - up[0]) / (across[1] - across[0])), np.nan, np.nan, "none")
    fit = theilslopes(up, across, alpha=0.95)
    return Interval(float(fit.slope), float(fit.low_slope), float(fit.high_slope), "theil-sen")


def least_squares_slope(x: ArrayLike, y: ArrayLike) -> Interval:
    """Return the least-squares slope of y over x and its 95 % t interval (none from two points)."""
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if across.size < 2 or np.ptp(across) == 0:
        return Interval(np.nan, np.nan, np.nan, "none")
    centred = across - across.mean()
    spread = float(centred @ centred)
    slope = float(centred @ up) / spread
    if across.size == 2:
        return Interval(slope, np.nan, np.nan, "none")
    rest = up - up.mean() - slope * centred
    half = t_quantile(across.size - 2) * float(np.sqrt(rest @ rest / (across.size - 2) / spread))
    return Interval(slope, slope - half, slope + half, "t")


def _thin(values: Floats) -> Floats:
    if values.size <= MOST_POINTS:
        return values
    thinned: Floats = values[np.linspace(0, values.size - 1, MOST_POINTS).round().astype(int)]
    return thinned
