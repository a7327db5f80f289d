"""One look for all figures: fonts, colours, markers and dashes.

The colour tells the alignment (or, where there is none, the model), the marker and the dash the model.
Known names have their colour for good, so it is the same in every run; unknown ones (plugins) take the
next free colour in alphabetical order, so it is the same all over a run. The colours are those of
Okabe and Ito (2008) without the yellow, of Tol's "muted" scheme for the rest, and of his "light" and
"medium-contrast" ones for plugins: all are made for colour-blind readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ..store.formats import short

COLOURS = {
    "additive": "#D55E00",
    "dot": "#56B4E9",
    "scaled_dot": "#0072B2",
    "general": "#009E73",
    "location": "#E69F00",
    "cosine": "#CC79A7",
    "concat": "#882255",
    "concat_identity": "#44AA99",
    "gaussian": "#999933",
    "location_aware": "#661100",
    "coverage": "#332288",
    "monotonic": "#6699CC",
    "local_m": "#AA4499",
    "local_p": "#117733",
    "rnn": "#888888",
    "lstm": "#000000",
    "gru": "#6A3D9A",
    "rnn_encoder_decoder": "#8C510A",
    # These stand beside the models above, and in no panel beside an alignment of the same colour.
    "linear_attention": "#0072B2",
    "gated_linear_attention": "#56B4E9",
    "gated_delta": "#009E73",
    "mamba": "#D55E00",
    "min_gru": "#CC79A7",
}
SPARE = ["#EE8866", "#44BB99", "#AAAA00", "#EE99AA", "#77AADD", "#BBCC33", "#997700", "#994455", "#DDCC77"]
MARKERS = {
    "rnn": "o",
    "lstm": "s",
    "gru": "^",
    "rnn_encoder_decoder": "D",
    "rnn_attention": "P",
    "transformer": "X",
    "transformer_encoder": "v",
    "transformer_encoder_decoder": "d",
    "self_attentive_rnn": "p",
    "linear_attention": "<",
    "gated_linear_attention": ">",
    "gated_delta": "h",
    "mamba": "*",
    "min_gru": "8",
}
SPARE_MARKERS = ["H", "1", "2", "3", "4", "|", "_", "."]
DASHES: dict[str, Any] = {"rnn": (4, 1.5), "gru": (5, 1.5, 1, 1.5), "rnn_encoder_decoder": (2, 1)}
# The second, third ... mechanism of the same model and alignment (other hyper-parameters).
VARIANTS: list[Any] = ["", (4, 1.5), (1.2, 1.2), (5, 1.5, 1, 1.5), (7, 2), (3, 1, 1, 1, 1, 1)]

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


@dataclass(frozen=True)
class Style:
    colour: str
    marker: str
    dash: Any


def styles(trials: pd.DataFrame) -> dict[str, Style]:
    """Return the style of every mechanism in `trials`."""
    each = trials.drop_duplicates("mechanism")
    hues = each["mechanism.alignment"].where(each["mechanism.alignment"].notna(), each["model"])
    colours = _complete(COLOURS, set(hues), SPARE)
    markers = _complete(MARKERS, set(each["model"]), SPARE_MARKERS)
    seen: dict[tuple[str, str], int] = {}
    found = {}
    for mechanism, model, hue in zip(each["mechanism"], each["model"], hues, strict=True):
        variant = seen[model, hue] = seen.get((model, hue), -1) + 1
        dash = VARIANTS[variant % len(VARIANTS)] if variant else DASHES.get(model, "")
        found[str(mechanism)] = Style(colours[hue], markers[model], dash)
    return found


def told_apart(looks: dict[str, Style], names: Sequence[str]) -> dict[str, Style]:
    """Return the styles with other dashes where two of `names`, in one panel, look alike but for the marker."""
    found, taken = dict(looks), set()
    for name in names:
        free = [dash for dash in [looks[name].dash, *VARIANTS] if (looks[name].colour, dash) not in taken]
        found[name] = replace(looks[name], dash=free[0] if free else looks[name].dash)
        taken.add((found[name].colour, found[name].dash))
    return found


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


def _complete(known: dict[str, str], names: set[str], spare: list[str]) -> dict[str, str]:
    extra = sorted(names - known.keys())
    return known | {name: spare[index % len(spare)] for index, name in enumerate(extra)}
