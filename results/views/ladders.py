from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.ladders import ALL, REACHED, UNKNOWN, reaches, rungs
from ..analysis.run import Run
from ..store.formats import short
from .by_length import BANDS
from .claims import listed_by_family, number_of_seeds
from .figure import Axis, Lines, panels_of, score_axis
from .table import Column, Table
from .view import VIEWS, Finding, View

CAPTION = (
    "The test score (1: perfect, 0: chance) as one setting of the task grows. Each point is a network that was trained "
    f"and tested at that value, with the same budget. {BANDS}"
)
TABLE_CAPTION = (
    "The reach is the last value of the setting before the first one at which the median seed scores less than "
    f"{REACHED}, among the values that were tried: 'none' where the first one is not reached, '{ALL}' where every one "
    "is. Behind it the mean score at each value, in brackets the interval over seeds."
)


@VIEWS.register("ladders")
class LaddersView(View):
    """The score as one setting of a task grows, and up to which value it is learned."""

    title = "How far each mechanism reaches"
    needs = ("normalised",)
    order = 13

    def shows(self, run: Run) -> bool:
        return bool(run.frame["ladder"].notna().any())

    def table(self, run: Run) -> Table | None:
        rows = reaches(run)
        if rows.empty:
            return None
        numbers = rungs(run, "normalised")
        columns = [
            Column.of("task", rows, "ladder"),
            Column.of("mechanism", rows, "mechanism"),
            Column.of("reach", rows, "reach", short, words="words"),
        ]
        for rung in sorted(numbers["rung"].unique()):
            at = rows.merge(numbers[numbers["rung"] == rung], on=["ladder", "mechanism"], how="left")
            columns.append(Column.of(f"at {rung:g}", at, "value", low="low", high="high"))
        return Table(TABLE_CAPTION, columns, numbers.merge(rows, on=["ladder", "mechanism"]))

    def figure(self, run: Run) -> Lines | None:
        data = rungs(run, "normalised")
        if data.empty:
            return None
        x, y = Axis("rung", _setting(data), log=True), score_axis(data, "test score")
        panels = panels_of(run.tasks, data, "ladder")
        return Lines(CAPTION, data, x, y, panels, panel="ladder", markers=True, together=True)

    def findings(self, run: Run) -> Iterator[Finding]:
        found = reaches(run)
        for ladder, rows in found.groupby("ladder", sort=False):
            known = rows[rows["words"] != UNKNOWN]
            if len(known):
                alike = [rows for _, rows in known.groupby("reach", dropna=False)]
                parts = [_reached(rows, run.trials) for rows in alike]
                text = f"{ladder}: the last value reached (a median score of {REACHED} or more) is {'; '.join(parts)}"
                yield Finding(f"{text} ({number_of_seeds(run)}).", 75)

    def columns(self, run: Run) -> Iterator[Column]:
        for ladder, rows in reaches(run).groupby("ladder", sort=False):
            yield Column.of(f"reach, {ladder}", rows.set_index("mechanism"), "reach", short, 20, words="words")


def _setting(data: pd.DataFrame) -> str:
    """Return the name of the setting that grows, where it is the same in all ladders."""
    names = list(data["setting"].unique())
    return str(names[0]).replace("_", " ") if len(names) == 1 else "value of the setting"


def _reached(rows: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return "32, the largest that was tried, for transformer" or the like for mechanisms with the same reach."""
    reach = rows["reach"].iloc[0]
    which = "none" if pd.isna(reach) else f"{reach:g}"
    last = ", the largest that was tried," if (rows["words"] == ALL).all() else ""
    return f"{which}{last} for {listed_by_family(list(rows['mechanism']), trials)}"
