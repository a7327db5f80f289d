"""Lines in a grid of panels: one column a family of mechanisms, one row whatever the figure compares.

Sixteen mechanisms in one panel cannot be told apart; six can. The legend of a column stands below it. Many rows of
few mechanisms are set side by side instead, each panel with all mechanisms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..analysis.families import Family, families
from ..analysis.run import Results
from .files import canvas
from .theme import Style, log_ticks, styles, told_apart

WIDTH, HEIGHT, LINE = 3.7, 2.35, 0.19  # inches: a panel, and a line of a legend
MANY_ROWS, FEW_MECHANISMS, ABREAST = 6, 8, 4
HANDLE, LETTER = 1.1, 0.067  # inches: what stands before a legend's text, and about what a letter of it takes


@dataclass(frozen=True)
class Panels:
    """What a grid of panels shows.

    `data` has the columns mechanism, `row`, `x`, `y` and, where there are bands, low and high; thin lines
    are drawn for each `unit` (a seed) where that column is given and filled.
    """

    data: pd.DataFrame
    row: str
    rows: dict[str, str]
    x: str
    x_label: str
    y_label: str
    y: str = "value"
    unit: str | None = None
    markers: bool = False
    log_x: bool = False
    log_y: bool = False
    note: Callable[[str], str] | None = None
    legend_title: str | None = None
    limits: tuple[float, float] | None = None


def grid(results: Results, panels: Panels) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    """Return the figure, and its panels by row and family title."""
    shown = [family for family in families(results.trials) if panels.data["mechanism"].isin(family.mechanisms).any()]
    looks = styles(results.all_trials)
    if len(panels.rows) > MANY_ROWS and panels.data["mechanism"].nunique() <= FEW_MECHANISMS:
        return _side_by_side(Family("", {name: name for name in results.mechanisms}), panels, looks)
    entries = max(panels.data["mechanism"].isin(family.mechanisms).sum() and len(family.mechanisms) for family in shown)
    legend = LINE * (entries + (2 if panels.legend_title else 1))
    height = HEIGHT * len(panels.rows)
    wide = max(WIDTH, *(HANDLE + LETTER * len(text) for family in shown for text in _labels(family, panels)))
    figure = canvas(max(2, len(shown)) * wide if len(shown) > 1 else max(1.6 * WIDTH, wide), height + legend + 0.3)
    ratios = [HEIGHT] * len(panels.rows) + [legend]
    axes = figure.subplots(len(panels.rows) + 1, len(shown), squeeze=False, height_ratios=ratios)
    found = {}
    for column, family in enumerate(shown):
        for index, (key, title) in enumerate(panels.rows.items()):
            ax = axes[index, column]
            _share(ax, axes[0, 0], axes[index, 0])
            part = panels.data[panels.data["mechanism"].isin(family.mechanisms) & (panels.data[panels.row] == key)]
            draw(ax, part, panels, looks)
            label = panels.y_label if column == 0 else ""
            ax.set(xlabel=panels.x_label if index == len(panels.rows) - 1 else "", ylabel=label)
            ax.set_title(_title(title, family.title))
            ax.tick_params(labelbottom=index == len(panels.rows) - 1, labelleft=column == 0)
            found[key, family.title] = ax
        _legend(axes[-1, column], family, panels, looks)
    for ax in found.values():
        _ticks(ax, panels)
    return figure, found


def _side_by_side(
    family: Family, panels: Panels, looks: dict[str, Style]
) -> tuple[Figure, dict[tuple[str, str], Axes]]:
    # Mechanisms of two families may have one colour, that of their alignment.
    looks = told_apart(looks, _drawn(family, panels))
    lines = -(-len(panels.rows) // ABREAST)
    legend = LINE * (len(_drawn(family, panels)) + (2 if panels.legend_title else 1))
    figure = canvas(ABREAST * 0.8 * WIDTH, 0.85 * HEIGHT * lines + legend + 0.3)
    places = figure.add_gridspec(lines + 1, ABREAST, height_ratios=[*[0.85 * HEIGHT] * lines, legend])
    found: dict[tuple[str, str], Axes] = {}
    for place, (key, title) in enumerate(panels.rows.items()):
        line, column = divmod(place, ABREAST)
        ax = figure.add_subplot(places[line, column])
        draw(ax, panels.data[panels.data[panels.row] == key], panels, looks)
        last = place + ABREAST >= len(panels.rows)
        ax.set(xlabel=panels.x_label if last else "", ylabel=panels.y_label if column == 0 else "")
        ax.set_title(title)
        ax.tick_params(labelleft=column == 0)
        found[key, family.title] = ax
        # Each task has lengths of its own.
        _ticks(ax, replace(panels, data=panels.data[panels.data[panels.row] == key]))
    _legend(figure.add_subplot(places[-1, :]), family, panels, looks)
    return figure, found


def draw(ax: Axes, data: pd.DataFrame, panels: Panels, looks: dict[str, Style]) -> None:
    if panels.log_x:
        ax.set_xscale("log")
    if panels.log_y:
        ax.set_yscale("log")
    for mechanism, rows in data.groupby("mechanism", sort=False):
        look = looks[str(mechanism)]
        summary = rows
        if panels.unit is not None:
            summary = rows[rows[panels.unit] == "mean"]
            thin = rows[rows[panels.unit] != "mean"]
            for _, line in thin.groupby(panels.unit):
                ax.plot(line[panels.x], line[panels.y], color=look.colour, linewidth=0.6, alpha=0.4)
        across = summary[panels.x].to_numpy(dtype=float)
        if "low" in summary and not panels.unit:
            low, high = summary["low"].to_numpy(dtype=float), summary["high"].to_numpy(dtype=float)
            ax.fill_between(across, low, high, color=look.colour, alpha=0.15, linewidth=0)
        ax.plot(
            across,
            summary[panels.y].to_numpy(dtype=float),
            color=look.colour,
            linestyle=_linestyle(look),
            marker=look.marker if panels.markers else "",
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=str(mechanism),
        )


def _title(row: str, family: str) -> str:
    if not row:
        return family
    # The name of a task with its settings would run into the next panel.
    return f"{row}\n{family}" if len(row) + len(family) > 32 else f"{row} | {family}"


def _linestyle(look: Style) -> Any:
    return (0, look.dash) if look.dash else "-"


def _share(ax: Axes, first: Axes, of_row: Axes) -> None:
    if ax is not first:
        ax.sharex(first)
    if ax is not of_row:
        ax.sharey(of_row)


def _legend(ax: Axes, family: Family, panels: Panels, looks: dict[str, Style]) -> None:
    ax.set_axis_off()
    handles = [
        Line2D(
            [],
            [],
            color=looks[name].colour,
            marker=looks[name].marker if panels.markers else "",
            linestyle=_linestyle(looks[name]),
            label=label,
        )
        for name, label in zip(_drawn(family, panels), _labels(family, panels), strict=True)
    ]
    legend = ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0,
        title=panels.legend_title,
        alignment="left",
        handlelength=3,
    )
    # The figure is made wide enough for it; else the panels above would give way.
    legend.set_in_layout(False)


def _drawn(family: Family, panels: Panels) -> list[str]:
    return [name for name in family.mechanisms if (panels.data["mechanism"] == name).any()]


def _labels(family: Family, panels: Panels) -> list[str]:
    return [family.names[name] + (panels.note(name) if panels.note else "") for name in _drawn(family, panels)]


def _ticks(ax: Axes, panels: Panels) -> None:
    """Name every length on a logarithmic axis where there are few: 64 and not 6.4e1."""
    if panels.limits:
        ax.set_ylim(panels.limits)
    if panels.log_y:
        log_ticks(ax.yaxis)
    if not panels.log_x:
        return
    values = np.unique(panels.data[panels.x].to_numpy(dtype=float))
    if values.size > 8:
        values = values[:: -(-values.size // 8)]
    ax.xaxis.set_major_locator(FixedLocator(values.tolist()))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
