"""A heat map of scores: a row a mechanism and a column a task, or the other way round where tasks are many."""

from __future__ import annotations

import numpy as np
import seaborn as sns

from ..analysis.run import Run
from ..store.formats import ABSENT
from ..views.figure import Heatmap
from .files import Picture, canvas
from .words import further, inches, widest, wrap

MOST_COLUMNS = 9
SIZE, LABEL = 9.0, 9.5  # points: of names, and of the label of the bar
ROW, COLUMN = 3.4, 1.6  # inches: a longer name is broken
BAR, BAR_WIDTH = 3.0, 0.25  # inches: the longest label of the bar, and the width of the bar


def draw(heatmap: Heatmap, run: Run) -> Picture:
    """Return the figure."""
    data, by = heatmap.data, heatmap.column
    values = data.pivot(index="mechanism", columns=by, values="value")
    words = data.pivot(index="mechanism", columns=by, values="shown")
    names, tasks = list(data["mechanism"].unique()), list(data[by].unique())
    values, words = values.loc[names, tasks], words.loc[names, tasks]
    if len(tasks) > MOST_COLUMNS and len(names) < len(tasks):
        values, words, names, tasks = values.T, words.T, tasks, names
    rows = [wrap(name, ROW, SIZE) for name in names]
    columns = [wrap(task, COLUMN, SIZE) for task in tasks]
    column = max(0.8, 0.15 + widest(columns, SIZE))
    row = 0.29 + further(rows, SIZE)
    wide = max(2.6 + 1.0 * len(tasks), 1.5 + widest(rows, SIZE) + column * len(tasks))
    high = 0.9 + row * len(names) + further(columns, SIZE)
    # The label of the bar is beside it, and a run may have one row.
    drawn = canvas(wide, max(high, 0.3 + min(BAR, inches(heatmap.label, LABEL))))
    ax, bar = drawn.subplots(1, 2, width_ratios=[column * len(tasks), BAR_WIDTH])
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
        cbar_ax=bar,
        cbar_kws={"label": wrap(heatmap.label, max(high, BAR), LABEL)},
        annot_kws={"fontsize": SIZE},
        xticklabels=columns,
        yticklabels=rows,
    )
    for down, across in np.argwhere(values.isna().to_numpy()):
        word = words.iloc[down, across]
        color = "#808080" if word == ABSENT else "#9A2A00"
        ax.text(across + 0.5, down + 0.5, word, ha="center", va="center", fontsize=8.5, color=color)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0, labelrotation=0, labelsize=SIZE)
    ax.xaxis.tick_top()
    return drawn
