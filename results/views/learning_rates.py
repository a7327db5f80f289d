from __future__ import annotations

import math

import pandas as pd

from ..analysis.run import Run
from ..analysis.selection import windows
from ..store.formats import count, number, rate
from .by_length import BANDS
from .figure import Axis, Lines, panels_of, score_axis
from .table import Column, Table
from .view import VIEWS, View

CAPTION = (
    "The score on validation data at the end of training (1: perfect, 0: chance) against the learning rate. A trial "
    "that ended without a result counts as 0, or as the lowest score of its mechanism on the task where that is lower. "
    + BANDS
)
TABLE_CAPTION = (
    "The learning rate that did best on validation data, and the window around it: neighbouring rates of the sweep "
    "that came within five points of the best. Its width is the highest rate of the window divided by the lowest (1 "
    "where the window is one rate), and in decades the logarithm of that to base 10. Where the window reaches an edge "
    "of the sweep, it may be wider: the width is a lower bound. Elsewhere the window ends somewhere between its last "
    "rate and the next one swept."
)


@VIEWS.register("learning_rates")
class LearningRatesView(View):
    """How wide the window of good learning rates is, where more than one rate was swept."""

    title = "Learning rates"
    order = 31

    def shows(self, run: Run) -> bool:
        return not swept(run).empty

    def table(self, run: Run) -> Table | None:
        rows = swept(run)
        if rows.empty:
            return None
        columns = [
            Column.of("mechanism", rows, "mechanism"),
            Column.of("task", rows, "task"),
            Column.of("learning rate", rows, "learning_rate", rate),
            Column.of("window from", rows, "low", rate),
            Column.of("window to", rows, "high", rate),
            Column.of("width", rows, "width", number),
            Column.of("decades", rows, "decades", number),
            Column.of("edge of the sweep", rows.assign(edge=rows["edge"].replace("", "not reached")), "edge"),
            Column.of("rates swept", rows, "rates", count),
        ]
        return Table(TABLE_CAPTION, columns, rows)

    def figure(self, run: Run) -> Lines | None:
        names = {"validation": "value", "validation_low": "low", "validation_high": "high"}
        rungs = set(run.trials.loc[run.trials["ladder"].notna(), "task"])
        data = run.rates.rename(columns=names).dropna(subset=["value"])
        data = data.merge(swept(run)[["mechanism", "task"]], on=["mechanism", "task"])
        data = data.loc[~data["task"].isin(rungs), ["mechanism", "task", "learning_rate", *names.values()]]
        if data.empty:
            return None
        data = data.sort_values(["task", "mechanism", "learning_rate"], ignore_index=True)
        x, y = Axis("learning_rate", "learning rate", log=True), score_axis(data, "validation score")
        return Lines(CAPTION, data, x, y, panels_of(run.tasks, data), markers=True)


def swept(run: Run) -> pd.DataFrame:
    """Return the windows with their `width` and `decades`, where one of several rates has a score."""
    of_one = run.rates.groupby(["mechanism", "task"])
    several = of_one["learning_rate"].transform("size") > 1
    scored = of_one["validation"].transform("count") > 0
    rows = windows(run.rates[several & scored])
    width = rows["high"] / rows["low"]
    return rows.assign(width=width, decades=width.map(math.log10))
