"""One theme for all figures: fonts, lines and ticks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..store.formats import short

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    # Not bold: every further font costs a quarter of a second a PDF.
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": "#666666",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # The same results give the same bytes.
    "svg.hashsalt": "attention-bench",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


def themed() -> AbstractContextManager[None]:
    """Return the context in which a figure has this look."""
    return mpl.rc_context(RC)


def log_ticks(axis: Axis) -> None:
    """Name 1, 2 and 5 of each decade where few decades are in view, and bare powers of ten where many are."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(10, subs=_steps(low, high), numticks=8))
    axis.set_minor_locator(NullLocator())
    if low >= 1e-4 and high < 1e12:
        axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _steps(low: float, high: float) -> tuple[float, ...]:
    if low <= 0 or high / low > 10**2.2:
        return (1.0,)
    return (1.0, 2.0, 5.0) if high / low > 8 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
