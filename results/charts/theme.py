"""One theme for all figures: fonts, lines and ticks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..store.formats import short
from .fonts import OWN, quiet

RC: Any = {
    "font.family": [OWN],
    "font.size": 9.5,
    # A name may contain dollar signs, and no text of a figure is a formula.
    "text.parse_math": False,
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


@contextmanager
def themed(families: Sequence[str] = ()) -> Iterator[None]:
    """Return the context in which a figure has this look, in the fonts of `families` if any are given."""
    # A font that is not the theme's may have outlines that PDF embeds as Type 3 only.
    fonts: Any = {"font.family": list(families), "pdf.fonttype": 3} if len(families) > 1 else {}
    with mpl.rc_context(RC | fonts), quiet(), warnings.catch_warnings():
        # The report says it in a sentence, not once a character and file.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        yield


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log_ticks(axis: Axis) -> None:
    """Name 1, 2 and 5 of each decade where few decades are in view, and bare powers of ten where many are."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(10, subs=_steps(low, high), numticks=8))
    axis.set_minor_locator(NullLocator())
    plain = low >= 1e-4 and high < 1e12
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value) if plain else power(value)))


def power(value: float) -> str:
    """Return 10⁻⁵ or 2×10⁻⁵."""
    digits, _, exponent = f"{value:.0e}".partition("e")
    return ("" if digits == "1" else f"{digits}×") + "10" + str(int(exponent)).translate(RAISED)


def _steps(low: float, high: float) -> tuple[float, ...]:
    if low <= 0 or high / low > 10**2.2:
        return (1.0,)
    return (1.0, 2.0, 5.0) if high / low > 8 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
