"""What was measured on the test stream at every length, each quantity in its own unit."""

from __future__ import annotations

import pandas as pd

from .formats import number, spread
from .records import records
from .run import Results
from .statistics import over_seeds

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


def by_length(results: Results) -> pd.DataFrame:
    """Return task, mechanism, length, quantity, value, low, high and seeds; cells that ended well only."""
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


def shown_by_length(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text: a row a task, mechanism and length, a column a quantity that there is."""
    text: dict[tuple[str, str, int], dict[str, str]] = {}
    for row in records(table):
        heading, digits = QUANTITIES[row["quantity"]]
        key = (row["task"], row["mechanism"], int(row["length"]))
        text.setdefault(key, {})[heading] = spread(row["value"], row["low"], row["high"], digits)
    rows = [dict(zip(KEY, map(str, key), strict=True)) | shown for key, shown in text.items()]
    headings = [heading for heading, _ in QUANTITIES.values() if any(heading in row for row in rows)]
    return pd.DataFrame(rows, columns=[*KEY, *headings]).fillna(number(float("nan")))
