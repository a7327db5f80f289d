"""A scatter plot with a panel for each family, and names beside the points, or below where they are long or many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from matplotlib.axes import Axes

from ..analysis.families import Family, families
from ..analysis.run import Run
from ..views.figure import Scatter
from . import legend
from .files import Picture, canvas, settle
from .labels import SIZE, place
from .looks import Look, looks
from .theme import log_ticks
from .words import further, widest, wrap

WIDTH, HEIGHT, AXES = 3.7, 3.9, 0.5  # inches: a panel, and the words around it where a legend is below
INSIDE = 0.8  # of a panel is inside its axes
TITLE, LABEL = 11.0, 9.5  # points, as the theme says
WIDEST, MOST_NAMES = 1.6, 14  # inches of a name beside its point, and names in a panel


def draw(scatter: Scatter, run: Run) -> Picture:
    """Return the figure."""
    data = scatter.data
    shown = [family for family in families(run.trials) if data["mechanism"].isin(family.mechanisms).any()]
    shown = [_drawn(family, set(data["mechanism"])) for family in shown]
    names = [name for family in shown for name in family.names.values()]
    beside = widest(names, SIZE) <= WIDEST and max(len(family.names) for family in shown) <= MOST_NAMES
    texts = [legend.entries({} if beside else family.names) for family in shown]
    below = 0.0 if beside else max(map(legend.height, texts))
    wide = max(WIDTH, *(legend.HANDLE + widest(each.values(), legend.SIZE) for each in texts))
    wide = wide if len(shown) > 1 else max(5.9, wide)
    titles = [wrap(family.title, INSIDE * wide, TITLE) for family in shown]
    figure = canvas(len(shown) * wide, HEIGHT + below + (0.0 if beside else AXES) + further(titles, TITLE))
    grid = figure.add_gridspec(1 if beside else 2, len(shown), height_ratios=None if beside else (HEIGHT, below))
    axes: list[Axes] = []
    look = looks(run.all_trials)
    for column, family in enumerate(shown):
        first = axes[0] if axes else None
        ax = figure.add_subplot(grid[0, column], sharex=first, sharey=first)
        _points(ax, scatter, family, look)
        ax.set_title(titles[column])
        ax.tick_params(labelleft=column == 0)
        axes.append(ax)
        if not beside:
            legend.legend(figure.add_subplot(grid[1, column]), texts[column], look, markers=True, dashes=False)
    axes[0].set_ylabel(wrap(scatter.y.label, INSIDE * HEIGHT, LABEL))
    settle(figure)
    for ax, family in zip(axes, shown, strict=True) if beside else ():
        rows = data[data["mechanism"].isin(family.mechanisms)].to_dict("records")
        place(ax, [(row[scatter.x.column], row[scatter.y.column], family.names[row["mechanism"]]) for row in rows])
    return figure


def _drawn(family: Family, drawn: set[str]) -> Family:
    return replace(family, names={name: short for name, short in family.names.items() if name in drawn})


def _points(ax: Axes, scatter: Scatter, family: Family, look: Mapping[str, Look]) -> None:
    data, x, y = scatter.data, scatter.x.column, scatter.y.column
    own = data["mechanism"].isin(family.mechanisms)
    ax.scatter(data.loc[~own, x], data.loc[~own, y], color="#CCCCCC", s=18, linewidth=0, zorder=1)
    for row in data[own].to_dict("records"):
        bars = [[row[y] - row["low"]], [row["high"] - row[y]]]
        own_look = look[row["mechanism"]]
        shape: dict[str, Any] = {"fmt": own_look.marker, "color": own_look.colour, "elinewidth": 1, "markersize": 7}
        ax.errorbar(row[x], row[y], yerr=bars, **shape)
    values = data[x]
    ax.set_xlabel(wrap(scatter.x.label, INSIDE * WIDTH, LABEL))
    if scatter.x.log:
        ax.set_xscale("log")
        ax.set_xlim(float(values.min()) / 2, float(values.max()) * 2.5)
        log_ticks(ax.xaxis)
    if scatter.y.limits:
        ax.set_ylim(scatter.y.limits)
