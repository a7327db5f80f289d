"""A scatter plot with a panel for each family and names beside the points."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.families import Family, families
from ..analysis.run import Run
from ..views.figure import Scatter
from .files import canvas, settle
from .labels import place
from .looks import looks
from .theme import log_ticks


def draw(scatter: Scatter, run: Run) -> Figure:
    """Return the figure."""
    data, x, y = scatter.data, scatter.x.column, scatter.y.column
    shown = [family for family in families(run.trials) if data["mechanism"].isin(family.mechanisms).any()]
    figure = canvas(max(2, len(shown)) * 3.7 if len(shown) > 1 else 5.9, 3.9)
    axes = figure.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
    look = looks(run.all_trials)
    for ax, family in zip(axes, shown, strict=True):
        own = data["mechanism"].isin(family.mechanisms)
        ax.scatter(data.loc[~own, x], data.loc[~own, y], color="#CCCCCC", s=18, linewidth=0, zorder=1)
        for row in data[own].to_dict("records"):
            bars = [[row[y] - row["low"]], [row["high"] - row[y]]]
            own_look = look[row["mechanism"]]
            shape: dict[str, Any] = {"fmt": own_look.marker, "color": own_look.colour, "elinewidth": 1, "markersize": 7}
            ax.errorbar(row[x], row[y], yerr=bars, **shape)
        _axes(ax, family, scatter)
    axes[0].set_ylabel(scatter.y.label)
    settle(figure)
    for ax, family in zip(axes, shown, strict=True):
        rows = data[data["mechanism"].isin(family.mechanisms)].to_dict("records")
        place(ax, [(row[x], row[y], family.names[row["mechanism"]]) for row in rows])
    return figure


def _axes(ax: Axes, family: Family, scatter: Scatter) -> None:
    values = scatter.data[scatter.x.column]
    ax.set(xlabel=scatter.x.label, title=family.title)
    if scatter.x.log:
        ax.set_xscale("log")
        ax.set_xlim(float(values.min()) / 2, float(values.max()) * 2.5)
        log_ticks(ax.xaxis)
    if scatter.y.limits:
        ax.set_ylim(scatter.y.limits)
