"""Numbers as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

ABSENT = "–"
"""What is shown where there is no value."""

Form: TypeAlias = Callable[[float], str]
"""Writes a number."""


def number(value: float, digits: int = 2) -> str:
    """Return 0.93, and "–" for a missing value; never "-0.00"."""
    if is_absent(value):
        return ABSENT
    return f"{round(float(value), digits) + 0.0:.{digits}f}" if math.isfinite(value) else f"{value:g}"


def digits(places: int | None) -> Form:
    """Return what writes numbers with so many digits behind the decimal point; None: as `short` does."""
    return short if places is None else lambda value: number(value, places)


def spread(value: float, low: float, high: float, form: Form = number) -> str:
    """Return "0.93 [0.91, 0.95]", or the number alone where there is no interval."""
    if is_absent(value) or is_absent(low) or is_absent(high) or low == high:
        return form(value)
    return f"{form(value)} [{form(low)}, {form(high)}]"


def count(value: float) -> str:
    """Return 12,345 for whole numbers that are counted."""
    return ABSENT if is_absent(value) else f"{round(value):,}"


def short(value: float) -> str:
    """Return three significant digits with k, M or G: 45.1k tokens per second."""
    if is_absent(value):
        return ABSENT
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    for unit, size in {"G": 1e9, "M": 1e6, "k": 1e3}.items():
        # 999.6 would round to 1000: the bound is where three digits would become four.
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)}{unit}"
    return _three(value)


def rate(value: float) -> str:
    """Return a learning rate: 0.003 or 3e-05."""
    return ABSENT if is_absent(value) else f"{value:g}"


def is_absent(value: object) -> bool:
    """Tell whether a value is missing: None, NaN or pandas' NA."""
    return not isinstance(value, str) and str(value) in ("None", "nan", "<NA>")


def _three(value: float) -> str:
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    shown = f"{value:.{min(places, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
