"""Test score against the length of the test sequences."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..run import Results
from ..statistics import mean_interval
from .drawing import Drawing
from .facets import Panels, grid

READING = (
    "The score on test sequences (1: perfect, 0: chance) as they grow longer than those trained on (dotted line). "
    "Points are means over seeds; bands are 95 % intervals from five seeds on, below that lowest to highest seed."
)


def figure(results: Results) -> Drawing | None:
    data = by_length(results.frame)
    if data.empty or data.groupby("task")["length"].nunique().max() < 2:
        return None
    tasks = {task: task for task in results.tasks if (data["task"] == task).any()}
    labels: dict[str, Any] = {
        "x": "length",
        "x_label": "length of the test sequences (positions)",
        "y_label": "test score",
    }
    limits = (max(-0.5, min(-0.05, float(data["value"].min()))), 1.05)
    drawn, axes = grid(results, Panels(data, "task", tasks, markers=True, log_x=True, limits=limits, **labels))
    for (task, _), ax in axes.items():
        for length in data.loc[data["task"] == task, "trained_length"].unique():
            ax.axvline(float(length), color="#999999", linestyle=":", linewidth=1)
    return Drawing("score_by_length", "Score against test length", READING, drawn, data)


def by_length(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, task, trained_length, length, value, low, high and seeds."""
    rows = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "test") & (frame["outcome"] == "ok")]
    rows = rows.dropna(subset=["value", "length"])
    found = []
    key = ["mechanism", "task", "trained_length", "length"]
    for values, group in rows.groupby(key, sort=False):
        interval = mean_interval(group["value"].to_numpy(dtype=float))
        numbers = {"value": interval.value, "low": interval.low, "high": interval.high, "seeds": len(group)}
        found.append({**dict(zip(key, values, strict=True)), **numbers})
    table = pd.DataFrame(found, columns=[*key, "value", "low", "high", "seeds"])
    return table.sort_values(["task", "mechanism", "length"], ignore_index=True)
