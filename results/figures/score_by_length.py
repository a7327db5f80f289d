"""Test score against the length of the test sequences, and BLEU where translations are decoded."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ..run import Results
from ..statistics import over_seeds
from .drawing import Drawing
from .facets import Panels, grid

BANDS = "Points are means over seeds; bands are 95 % intervals from five seeds on, below that lowest to highest seed."
READING = (
    "The score on test sequences (1: perfect, 0: chance) as they grow longer than those trained on (dotted line). "
    + BANDS
)
DECODED = (
    "The BLEU of translations that are decoded greedily, by the length of the sentences, as they grow longer than the "
    "longest trained on (dotted line). " + BANDS
)


def figure(results: Results) -> Drawing | None:
    data = by_length(results.frame, "normalised")
    limits = (max(-0.5, min(-0.05, float(data["value"].min()))), 1.05) if len(data) else (0.0, 1.0)
    drawn = _drawn(results, data, "test score", limits)
    return None if drawn is None else Drawing("score_by_length", "Score against test length", READING, drawn, data)


def decoded(results: Results) -> Drawing | None:
    data = by_length(results.frame, "bleu")
    drawn = _drawn(results, data, "BLEU", (-3.0, 105.0))
    return None if drawn is None else Drawing("bleu_by_length", "BLEU against sentence length", DECODED, drawn, data)


def _drawn(results: Results, data: pd.DataFrame, y_label: str, limits: tuple[float, float]) -> Figure | None:
    if data.empty or data.groupby("task")["length"].nunique().max() < 2:
        return None
    tasks = {task: task for task in results.tasks if (data["task"] == task).any()}
    labels: dict[str, Any] = {"x": "length", "x_label": "length of the test sequences (positions)", "y_label": y_label}
    drawn, axes = grid(results, Panels(data, "task", tasks, markers=True, log_x=True, limits=limits, **labels))
    for (task, _), ax in axes.items():
        for length in data.loc[data["task"] == task, "trained_length"].unique():
            ax.axvline(float(length), color="#999999", linestyle=":", linewidth=1)
    return drawn


def by_length(frame: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Return mechanism, task, trained_length, length, value, low, high and seeds of a quantity on test data."""
    rows = frame[(frame["quantity"] == quantity) & (frame["stage"] == "test") & (frame["outcome"] == "ok")]
    rows = rows.dropna(subset=["value", "length"])
    key = ["mechanism", "task", "trained_length", "length"]
    return over_seeds(rows, key).sort_values(["task", "mechanism", "length"], ignore_index=True)
