from __future__ import annotations

import pandas as pd

from ..analysis.intervals import over_seeds
from ..analysis.run import Run
from ..store.formats import count, digits
from .figure import Axis, Lines, panels_of, score_axis
from .table import Column, Table
from .view import VIEWS, View

KEY = ["task", "mechanism", "length"]
BANDS = "Points are means over seeds; bands are 95 % intervals from five seeds on, below that lowest to highest seed."
SCORE_CAPTION = (
    "The score on test sequences (1: perfect, 0: chance) as they grow longer than those trained on (dotted line). "
    + BANDS
)
TABLE_CAPTION = (
    "The mean over seeds on test data at each length, each metric in its own unit, in brackets the interval over "
    "seeds. Exact match is the share of examples without an error; chance and ceiling are those of the metric that the "
    "score is computed from; decoded means that the network continues from its own answers."
)


@VIEWS.register("by_length")
class ByLengthView(View):
    """Test metrics at each length, and the score against the length."""

    title = "Score by test length"
    needs = (
        "normalised",
        "accuracy",
        "mse",
        "within",
        "exact_match",
        "bits",
        "bits_asked",
        "nats_above_floor",
        "decoded_exact_match",
        "loss",
        "chance",
        "ceiling",
    )
    order = 40

    def table(self, run: Run) -> Table | None:
        shown = [name for name in self.needs if name in run.measured and name != "normalised"]
        numbers = tested(run, shown)
        if numbers.empty:
            return None
        index = numbers[KEY].drop_duplicates(ignore_index=True)
        columns = [Column.of(name, index, name) for name in KEY[:2]]
        columns.append(Column.of("length", index, "length", count))
        for name in shown:
            rows = index.merge(numbers[numbers["quantity"] == name], on=KEY, how="left")
            if rows["value"].notna().any():
                quantity = run.quantities[name]
                columns.append(
                    Column.of(quantity.heading, rows, "value", digits(quantity.digits), low="low", high="high")
                )
        return Table(TABLE_CAPTION, columns, numbers)

    def figure(self, run: Run) -> Lines | None:
        data = by_length(run.frame, "normalised")
        return length_lines(run, data, SCORE_CAPTION, score_axis(data, "test score"))


def tested(run: Run, quantities: list[str]) -> pd.DataFrame:
    """Return task, mechanism, length, quantity, value, low, high and seeds; trials that ended well only."""
    frame = run.frame
    rows = frame[(frame["stage"] == "test") & (frame["outcome"] == "ok") & frame["quantity"].isin(quantities)]
    rows = rows[rows["ladder"].isna()]  # the view `ladders` shows those
    table = over_seeds(rows.dropna(subset=["value", "length"]), [*KEY, "quantity"])
    order = {name: place for names in (run.tasks, run.mechanisms, quantities) for place, name in enumerate(names)}
    return table.sort_values(
        [*KEY, "quantity"], key=lambda column: column.map(lambda x: order.get(x, x)), ignore_index=True
    )


def by_length(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return mechanism, task, trained_length, length, value, low, high and seeds of a quantity on test data."""
    rows = frame[(frame["quantity"] == quantity) & (frame["stage"] == "test") & (frame["outcome"] == "ok")]
    rows = rows[rows["ladder"].isna()]
    key = ["mechanism", "task", "trained_length", "length"]
    found = over_seeds(rows.dropna(subset=["value", "length"]), key)
    return found.sort_values(["task", "mechanism", "length"], ignore_index=True)


def length_lines(run: Run, data: pd.DataFrame, caption: str, y: Axis) -> Lines | None:
    if data.empty or data.groupby("task")["length"].nunique().max() < 2:
        return None
    panels = panels_of(run.tasks, data)
    x = Axis("length", "length of the test sequences (positions)", log=True)
    trained = {task: sorted(set(data.loc[data["task"] == task, "trained_length"].astype(float))) for task in panels}
    return Lines(caption, data, x, y, panels, markers=True, verticals=trained)
