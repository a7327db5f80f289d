"""A heat map of scores: a row a mechanism and a column a task, or the other way round where tasks are many."""

from __future__ import annotations

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from ..analysis.run import Run
from ..views.figure import Heatmap
from .files import canvas

MOST_COLUMNS = 9


def draw(heatmap: Heatmap, run: Run) -> Figure:
    """Return the figure."""
    data, across = heatmap.data, heatmap.column
    values = data.pivot(index="mechanism", columns=across, values="value")
    words = data.pivot(index="mechanism", columns=across, values="shown")
    names, tasks = list(data["mechanism"].unique()), list(data[across].unique())
    values, words = values.loc[names, tasks], words.loc[names, tasks]
    if len(tasks) > MOST_COLUMNS and len(names) < len(tasks):
        values, words, names, tasks = values.T, words.T, tasks, names
    labels = 0.068 * max(len(name) for name in names)
    column = max(0.8, 0.08 * max(len(task) for task in tasks))
    drawn = canvas(max(2.6 + 1.0 * len(tasks), 1.3 + labels + column * len(tasks)), 0.9 + 0.29 * len(names))
    ax = drawn.subplots()
    ax.set_facecolor("#F0F0F0")
    ax.grid(False)
    sns.heatmap(
        values.astype(float),
        ax=ax,
        vmin=0,
        vmax=1,
        cmap=sns.color_palette("crest", as_cmap=True),
        annot=words.where(values.notna(), ""),
        fmt="",
        linewidths=1.5,
        cbar_kws={"label": heatmap.label, "pad": 0.02},
        annot_kws={"fontsize": 9},
    )
    for row, column in np.argwhere(values.isna().to_numpy()):
        ax.text(
            column + 0.5, row + 0.5, words.iloc[row, column], ha="center", va="center", fontsize=8.5, color="#9A2A00"
        )
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0, labelrotation=0, labelsize=9)
    ax.xaxis.tick_top()
    return drawn
