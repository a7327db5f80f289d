"""Test metrics at each length, the score against the length, and BLEU where translations are decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.intervals import over_seeds
from ..analysis.records import records
from ..analysis.run import Results
from ..store.formats import number, spread
from .view import Table

if TYPE_CHECKING:
    from ..charts.files import Drawing

# In the order of the columns, with the digits they are shown with.
QUANTITIES = {
    "accuracy": ("accuracy", 3),
    "mse": ("mean squared error", 4),
    "within": ("within 0.04", 3),
    "exact_match": ("exact match", 3),
    "nats_above_floor": ("nats above the floor", 3),
    "decoded_exact_match": ("decoded exact match", 3),
    "bleu": ("BLEU", 1),
}
KEY = ["task", "mechanism", "length"]
BANDS = "Points are means over seeds; bands are 95 % intervals from five seeds on, below that lowest to highest seed."
SCORE_READING = (
    "The score on test sequences (1: perfect, 0: chance) as they grow longer than those trained on (dotted line). "
    + BANDS
)
BLEU_READING = (
    "The BLEU of translations that are decoded greedily, by the length of the sentences, as they grow longer than the "
    "longest trained on (dotted line). " + BANDS
)


def table(results: Results) -> Table:
    numbers = metrics_by_length(results)
    reading = (
        "The mean over seeds on test data at each length, in each metric's own unit, in brackets the interval over "
        "seeds. Exact match is the share of examples without an error; the floor of the nats is the entropy of the "
        "same words under the law they were drawn from; decoded means that the network goes on from its own answers."
    )
    return Table("by_length", "Test metrics by length", reading, _shown_by_length(numbers), numbers)


def metrics_by_length(results: Results) -> pd.DataFrame:
    """Return task, mechanism, length, quantity, value, low, high and seeds; trials that ended well only."""
    frame = results.frame
    rows = frame[(frame["stage"] == "test") & (frame["outcome"] == "ok") & frame["quantity"].isin(QUANTITIES)]
    rows = rows.dropna(subset=["value", "length"])
    table = over_seeds(rows, [*KEY, "quantity"])
    order = {
        name: place for names in (results.tasks, results.mechanisms, QUANTITIES) for place, name in enumerate(names)
    }
    return table.sort_values(
        [*KEY, "quantity"], key=lambda column: column.map(lambda x: order.get(x, x)), ignore_index=True
    )


def _shown_by_length(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text: a row a task, mechanism and length, a column a quantity that there is."""
    text: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in records(table):
        heading, digits = QUANTITIES[row["quantity"]]
        key = (row["task"], row["mechanism"], int(row["length"]))
        text.setdefault(key, {})[heading] = spread(row["value"], row["low"], row["high"], digits)
    rows = [dict(zip(KEY, map(str, key), strict=True)) | shown for key, shown in text.items()]
    headings = [heading for heading, _ in QUANTITIES.values() if any(heading in row for row in rows)]
    return pd.DataFrame(rows, columns=[*KEY, *headings]).fillna(number(float("nan")))


def figure(results: Results) -> Drawing | None:
    """The score, as the test sequences grow longer than those trained on."""
    data = quantity_by_length(results.frame, "normalised")
    limits = (max(-0.5, min(-0.05, float(data["value"].min()))), 1.05) if len(data) else (0.0, 1.0)
    named = ("score_by_length", "Score against test length", SCORE_READING)
    return _drawing(results, data, named, "test score", limits)


def decoded(results: Results) -> Drawing | None:
    """BLEU, as the sentences grow longer than those trained on."""
    data = quantity_by_length(results.frame, "bleu")
    named = ("bleu_by_length", "BLEU against sentence length", BLEU_READING)
    return _drawing(results, data, named, "BLEU", (-3.0, 105.0))


def _drawing(
    results: Results, data: pd.DataFrame, named: tuple[str, str, str], y_label: str, limits: tuple[float, float]
) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

    if data.empty or data.groupby("task")["length"].nunique().max() < 2:
        return None
    tasks = {task: task for task in results.tasks if (data["task"] == task).any()}
    labels: dict[str, Any] = {"x": "length", "x_label": "length of the test sequences (positions)", "y_label": y_label}
    drawn, axes = grid(results, Panels(data, "task", tasks, markers=True, log_x=True, limits=limits, **labels))
    for (task, _), ax in axes.items():
        for length in data.loc[data["task"] == task, "trained_length"].unique():
            ax.axvline(float(length), color="#999999", linestyle=":", linewidth=1)
    return Drawing(*named, drawn, data)


def quantity_by_length(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return mechanism, task, trained_length, length, value, low, high and seeds of a quantity on test data."""
    rows = frame[(frame["quantity"] == quantity) & (frame["stage"] == "test") & (frame["outcome"] == "ok")]
    rows = rows.dropna(subset=["value", "length"])
    key = ["mechanism", "task", "trained_length", "length"]
    return over_seeds(rows, key).sort_values(["task", "mechanism", "length"], ignore_index=True)
