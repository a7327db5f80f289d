"""Figures: data with an encoding, which results.charts draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Axis:
    """An axis: the column of the data that it shows, its label, whether it is logarithmic, and its limits."""

    column: str
    label: str
    log: bool = False
    limits: tuple[float, float] | None = None


def score_axis(data: pd.DataFrame, label: str) -> Axis:
    """Return the axis of scores in the column `value`: 0 to 1 with a margin, and below 0 as far as they go to -0.5."""
    least = float(data["value"].min()) if len(data) else 0.0
    return Axis("value", label, limits=(max(-0.5, min(-0.05, least)), 1.05))


def panels_of(names: Sequence[str], data: pd.DataFrame, column: str = "task") -> dict[str, str]:
    """Return a panel for each of the names of which `data` has rows, with the name as its title."""
    drawn = set(data[column])
    return {name: name for name in names if name in drawn}


@dataclass(frozen=True)
class Lines:
    """A line for each mechanism, in a row of panels for each value of the column `panel`.

    `data` has the columns mechanism, `panel`, those of `x` and `y` and, where bands are drawn, low and high. `panels`
    are the values of `panel` in order, with their titles. Where `unit` names a column (such as "seed"), each of its
    values is a thin line, and the rows with "mean" are the thick one. `notes` stand behind the names of mechanisms in
    legends, `verticals` are where a panel has dotted vertical lines, and `diagonal` draws the one where x and y are
    equal. With `together`, panels stand side by side and each has all mechanisms, if they are few enough to tell apart.
    """

    caption: str
    data: pd.DataFrame
    x: Axis
    y: Axis
    panels: Mapping[str, str]
    panel: str = "task"
    unit: str | None = None
    markers: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    legend_title: str | None = None
    verticals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    diagonal: bool = False
    together: bool = False


@dataclass(frozen=True)
class Heatmap:
    """A square for each mechanism and value of `column`: `data` has mechanism, `column`, value and shown (text)."""

    caption: str
    data: pd.DataFrame
    label: str
    column: str = "task"


@dataclass(frozen=True)
class Scatter:
    """A point for each mechanism: `data` has mechanism, the columns of `x` and `y`, and low and high of the latter."""

    caption: str
    data: pd.DataFrame
    x: Axis
    y: Axis


@dataclass(frozen=True)
class Maps:
    """A heat map for each mechanism and value of `panel`: `data` has mechanism, `panel`, query and key (the numbers of
    row and column), query_word and key_word, value, and linked, which outlines a square.

    `panels` are the values of `panel` in order, with their titles; `titles` stand over the maps, by that value and the
    mechanism.
    """

    caption: str
    data: pd.DataFrame
    label: str
    panels: Mapping[str, str]
    titles: Mapping[tuple[str, str], str]
    panel: str = "task"


Figure: TypeAlias = Lines | Heatmap | Scatter | Maps
