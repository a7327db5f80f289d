"""Accuracy against the distance back to what explains the answer: a needle's depth, seen from the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.intervals import over_seeds
from ..analysis.run import Results

if TYPE_CHECKING:
    from ..charts.files import Drawing

READING = (
    "The share of answers that are right, by how many positions before the query the last source position lies that "
    "explains the answer (source and query count as one sequence). A flat line finds it wherever it is. Points are "
    "means over seeds; bands are 95 % intervals from five seeds on, below that lowest to highest seed."
)
LABELS: dict[str, Any] = {"x": "distance", "x_label": "distance back (positions)", "y_label": "accuracy"}


def figure(results: Results) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

    data = by_distance(results.frame)
    if data.empty:
        return None
    rows = {
        f"{task} {length}": f"{task}, length {length}"
        for task in results.tasks
        for length in sorted(data.loc[data["task"] == task, "length"].unique())
    }
    data["panel"] = data["task"] + " " + data["length"].astype(str)
    drawn, _ = grid(results, Panels(data, "panel", rows, markers=True, limits=(-0.05, 1.05), **LABELS))
    return Drawing("accuracy_by_distance", "Accuracy by distance", READING, drawn, data)


def by_distance(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, task, length, distance, value, low, high and seeds."""
    rows = frame[(frame["quantity"] == "accuracy_at_distance") & (frame["outcome"] == "ok")].dropna(subset=["value"])
    key = ["mechanism", "task", "length", "distance"]
    return over_seeds(rows, key).sort_values(key, ignore_index=True)
