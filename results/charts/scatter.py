"""A scatter plot of score against training speed, a panel a family, with names beside the points."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..analysis.families import Family, families
from ..analysis.records import Record, records
from ..analysis.run import Results
from .files import canvas, settle
from .labels import place
from .theme import Style, log_ticks, styles


def draw(results: Results, data: pd.DataFrame) -> Figure:
    """Return the figure of mechanism, train_tokens, length, score, low and high."""
    shown = [family for family in families(results.trials) if data["mechanism"].isin(family.mechanisms).any()]
    drawn = canvas(max(2, len(shown)) * 3.7 if len(shown) > 1 else 5.9, 3.9)
    axes = drawn.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
    looks = styles(results.all_trials)
    for ax, family in zip(axes, shown, strict=True):
        own = data["mechanism"].isin(family.mechanisms)
        ax.scatter(
            data.loc[~own, "train_tokens"], data.loc[~own, "score"], color="#CCCCCC", s=18, linewidth=0, zorder=1
        )
        for row in records(data[own]):
            _point(ax, row, looks[row["mechanism"]])
        _axes(ax, family, data)
    axes[0].set_ylabel("score over all tasks")
    settle(drawn)
    for ax, family in zip(axes, shown, strict=True):
        place(ax, [_named(row, family) for row in records(data[data["mechanism"].isin(family.mechanisms)])])
    return drawn


def _point(ax: Axes, row: Record, look: Style) -> None:
    bars = [[row["score"] - row["low"]], [row["high"] - row["score"]]]
    shape: dict[str, Any] = {"fmt": look.marker, "color": look.colour, "elinewidth": 1, "markersize": 7}
    ax.errorbar(row["train_tokens"], row["score"], yerr=bars, **shape)


def _named(row: Record, family: Family) -> tuple[float, float, str]:
    return row["train_tokens"], row["score"], family.names[row["mechanism"]]


def _axes(ax: Axes, family: Family, data: pd.DataFrame) -> None:
    ax.set_xscale("log")
    low, high = float(data["train_tokens"].min()), float(data["train_tokens"].max())
    ax.set_xlim(low / 2, high * 2.5)
    ax.set_ylim(min(-0.08, float(data["low"].min()) - 0.05), 1.12)
    ax.set(xlabel=f"training tokens per second, length {int(data['length'].iloc[0])}", title=family.title)
    log_ticks(ax.xaxis)
