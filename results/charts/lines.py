"""Lines in a grid of panels: a column for each family of mechanisms, a row for each value of what is compared.

A panel has at most eight lines, since more cannot be distinguished; a larger family has several columns. The legend of
a column is below it. Many rows of few mechanisms are set side by side instead, each panel with all mechanisms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..analysis.families import Family, families
from ..analysis.run import Run
from ..views.figure import Lines
from . import legend
from .files import Picture, canvas
from .looks import Look, looks
from .theme import log_ticks
from .words import beside, further, inches, widest, wrap

WIDTH, HEIGHT = 3.7, 2.35  # inches: a panel
INSIDE = 0.8  # of a panel is inside its axes
TITLE, LABEL = 11.0, 9.5  # points, as the theme says
MOST_LINES = 8
MANY_ROWS, ABREAST = 6, 4


def draw(lines: Lines, run: Run) -> Picture:
    """Return the figure."""
    figure, panels = grid(lines, run)
    for (value, _), ax in panels.items():
        for position in lines.verticals.get(value, ()):
            ax.axvline(position, color="#999999", linestyle=":", linewidth=1)
        if lines.diagonal:
            ax.axline((0, 0), slope=1, color="#999999", linestyle=":", linewidth=1)
    return figure


def grid(lines: Lines, run: Run) -> tuple[Picture, dict[tuple[str, str], Axes]]:
    """Return the figure, and its panels by the value of `lines.panel` and the title of the family."""
    drawn = set(lines.data["mechanism"])
    if (lines.together or len(lines.panels) > MANY_ROWS) and len(drawn) <= MOST_LINES:
        return _side_by_side(lines, run)
    shown = [part for family in families(run.trials) for part in _parts(family, drawn)]
    look = looks(run.all_trials)
    texts = [legend.entries(family.names, lines.notes) for family in shown]
    below = max(legend.height(each, lines.legend_title) for each in texts)
    wide = max(WIDTH, *(legend.HANDLE + widest(each.values(), legend.SIZE) for each in texts))
    wide = wide if len(shown) > 1 else max(1.6 * WIDTH, wide)
    words = _words(lines, wide)
    titles = {
        (value, family.title): _title(title, family.title, wide)
        for value, title in lines.panels.items()
        for family in shown
    }
    high = HEIGHT * len(lines.panels) + len(lines.panels) * further(titles.values(), TITLE)
    figure = canvas(len(shown) * wide + words.left, high + below + 0.3 + words.below)
    ratios = [HEIGHT] * len(lines.panels) + [below]
    axes = figure.subplots(len(lines.panels) + 1, len(shown), squeeze=False, height_ratios=ratios)
    found = {}
    for column, family in enumerate(shown):
        for row, value in enumerate(lines.panels):
            ax, last = axes[row, column], row == len(lines.panels) - 1
            _share(ax, axes[0, 0], axes[row, 0])
            own = lines.data["mechanism"].isin(family.mechanisms) & (lines.data[lines.panel] == value)
            _draw(ax, lines.data[own], lines, look)
            ax.set(xlabel=words.x if last else "", ylabel=words.y if column == 0 else "")
            ax.set_title(titles[value, family.title])
            ax.tick_params(labelbottom=last, labelleft=column == 0)
            found[value, family.title] = ax
        legend.legend(axes[-1, column], texts[column], look, markers=lines.markers, title=lines.legend_title)
    for ax in found.values():
        _ticks(ax, lines)
    return figure, found


def _parts(family: Family, drawn: set[str]) -> list[Family]:
    """Return the mechanisms of a family that are drawn, in parts of at most MOST_LINES."""
    names = [name for name in family.names if name in drawn]
    count = -(-len(names) // MOST_LINES)
    parts = [list(part) for part in np.array_split(np.array(names, dtype=object), count)] if names else []
    return [
        replace(
            family,
            title=f"{family.title} ({place}/{count})" if count > 1 else family.title,
            names={name: family.names[name] for name in part},
        )
        for place, part in enumerate(parts, start=1)
    ]


def _side_by_side(lines: Lines, run: Run) -> tuple[Picture, dict[tuple[str, str], Axes]]:
    drawn = set(lines.data["mechanism"])
    family = Family("", {name: name for name in run.mechanisms if name in drawn})
    look = looks(run.all_trials, by_family=True)
    abreast = min(ABREAST, len(lines.panels))
    rows = -(-len(lines.panels) // abreast)
    wide, high = (WIDTH, HEIGHT) if abreast < ABREAST else (0.8 * WIDTH, 0.85 * HEIGHT)
    wide, high = (1.5 * wide, 1.3 * high) if abreast == 1 else (wide, high)
    texts = legend.entries(family.names, lines.notes)
    below = legend.height(texts, lines.legend_title)
    words = _words(lines, wide)
    titles = {value: _title(title, "", wide) for value, title in lines.panels.items()}
    above = rows * further(titles.values(), TITLE)
    figure = canvas(abreast * wide + words.left, high * rows + above + below + 0.3 + words.below)
    places = figure.add_gridspec(rows + 1, abreast, height_ratios=[*[high] * rows, below])
    found: dict[tuple[str, str], Axes] = {}
    for place, value in enumerate(lines.panels):
        row, column = divmod(place, abreast)
        ax = figure.add_subplot(places[row, column])
        data = lines.data[lines.data[lines.panel] == value]
        _draw(ax, data, lines, look)
        last = place + abreast >= len(lines.panels)
        ax.set(xlabel=words.x if last else "", ylabel=words.y if column == 0 else "")
        ax.set_title(titles[value])
        ax.tick_params(labelleft=column == 0)
        found[value, family.title] = ax
        # Each task has lengths of its own.
        _ticks(ax, replace(lines, data=data))
    legend.legend(figure.add_subplot(places[-1, :]), texts, look, markers=lines.markers, title=lines.legend_title)
    return figure, found


def _draw(ax: Axes, data: pd.DataFrame, lines: Lines, look: Mapping[str, Look]) -> None:
    ax.set(xscale="log" if lines.x.log else "linear", yscale="log" if lines.y.log else "linear")
    x, y = lines.x.column, lines.y.column
    for mechanism, rows in data.groupby("mechanism", sort=False):
        own, summary = look[str(mechanism)], rows
        if lines.unit is not None:
            summary = rows[rows[lines.unit] == "mean"]
            for _, line in rows[rows[lines.unit] != "mean"].groupby(lines.unit):
                ax.plot(line[x], line[y], color=own.colour, linewidth=0.6, alpha=0.4)
        across = summary[x].to_numpy(dtype=float)
        if "low" in summary and lines.unit is None:
            low, high = summary["low"].to_numpy(dtype=float), summary["high"].to_numpy(dtype=float)
            ax.fill_between(across, low, high, color=own.colour, alpha=0.15, linewidth=0)
        ax.plot(
            across,
            summary[y].to_numpy(dtype=float),
            color=own.colour,
            linestyle=own.dashes,
            marker=own.marker if lines.markers else "",
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=str(mechanism),
        )


class Words(NamedTuple):
    """The labels of the axes in lines, and the inches that their further lines need."""

    x: str
    y: str
    below: float
    left: float


def _words(lines: Lines, wide: float) -> Words:
    x = wrap(lines.x.label, INSIDE * wide, LABEL)
    y = wrap(lines.y.label, INSIDE * HEIGHT, LABEL)
    return Words(x, y, further([x], LABEL), further([y], LABEL))


def _title(row: str, family: str, wide: float) -> str:
    one = beside(row, f" | {family}") if row and family else row or family
    if inches(one, TITLE) <= INSIDE * wide:
        return one
    # The name of a task with its settings would run into the next panel.
    return "\n".join(wrap(text, INSIDE * wide, TITLE, 3) for text in (row, family) if text)


def _share(ax: Axes, first: Axes, of_row: Axes) -> None:
    if ax is not first:
        ax.sharex(first)
    if ax is not of_row:
        ax.sharey(of_row)


def _ticks(ax: Axes, lines: Lines) -> None:
    """Label every length on a logarithmic axis where there are few: 64 and not 6.4e1."""
    if lines.y.limits:
        ax.set_ylim(lines.y.limits)
    if lines.y.log:
        log_ticks(ax.yaxis)
    if not lines.x.log:
        return
    values = np.unique(lines.data[lines.x.column].to_numpy(dtype=float))
    if values.size > 8:
        values = values[:: -(-values.size // 8)]
    ax.xaxis.set_major_locator(FixedLocator(_apart(values.tolist())))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _apart(values: list[float]) -> list[float]:
    """Return the values, in order, without those that are too close to the one before to have a label of their own."""
    least = (values[-1] / values[0]) ** 0.08 if values else 1.0
    kept: list[float] = []
    for value in values:
        if not kept or value >= kept[-1] * least:
            kept.append(value)
    return kept
