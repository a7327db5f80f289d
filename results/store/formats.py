"""Numbers as people read them."""

from __future__ import annotations

import math

ABSENT = "-"


def number(value: float, digits: int = 2) -> str:
    """Return 0.93, and "-" for what is missing; never "-0.00"."""
    if _is_absent(value):
        return ABSENT
    return f"{round(float(value), digits) + 0.0:.{digits}f}" if math.isfinite(value) else "inf"


def spread(value: float, low: float, high: float, digits: int = 2) -> str:
    """Return "0.93 [0.91, 0.95]", or the bare number where there is no interval."""
    if _is_absent(value) or _is_absent(low) or _is_absent(high) or low == high:
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def count(value: float) -> str:
    """Return 12,345 for whole numbers that are counted."""
    return ABSENT if _is_absent(value) else f"{round(value):,}"


def short(value: float) -> str:
    """Return three significant digits with k, M or G: 45.1k tokens per second."""
    if _is_absent(value):
        return ABSENT
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    for unit, size in {"G": 1e9, "M": 1e6, "k": 1e3}.items():
        # 999.6 would round to 1000: the bound is where three digits would become four.
        if abs(value) >= 0.9995 * size:
            return f"{_three(value / size)}{unit}"
    return _three(value)


def horizon(value: float, reach: float) -> str:
    """Return the distance, "> 126" where the gradient never fell to 1 % within the range measured."""
    if _is_absent(value):
        return ABSENT
    return f"> {reach:.0f}" if math.isinf(value) else f"{value:.0f}"


def rate(value: float) -> str:
    """Return a rate of learning: 0.003 or 3e-05."""
    return ABSENT if _is_absent(value) else f"{value:g}"


def _three(value: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    shown = f"{value:.{min(digits, 6)}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _is_absent(value: float | None) -> bool:
    return value is None or value != value
