"""Validation score against training step."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ..run import Results
from .drawing import Drawing
from .facets import Panels, grid

READING = (
    "The score on validation data (1: perfect, 0: chance) as training goes on, at the learning rate picked for each "
    "mechanism and task. Thin lines are single seeds, the thick line their mean, drawn as far as all seeds were "
    "trained: a run that solves its task, or diverges, ends early."
)


def figure(results: Results) -> Drawing | None:
    data = curves(results.frame)
    if data.empty:
        return None
    tasks = {task: task for task in results.tasks if (data["task"] == task).any()}
    labels: dict[str, Any] = {"x": "step", "x_label": "training step", "y_label": "validation score"}
    limits = (max(-0.5, min(-0.05, float(data["value"].min()))), 1.05)
    drawn, _ = grid(results, Panels(data, "task", tasks, unit="seed", limits=limits, **labels))
    return Drawing("learning_curves", "Learning curves", READING, drawn, data)


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, task, seed ("0", "1" ... and "mean"), step and value."""
    rows = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "validation")].dropna(subset=["value"])
    rows = rows[["mechanism", "task", "seed", "step", "value"]].sort_values(["task", "mechanism", "seed", "step"])
    seeds = rows.groupby(["mechanism", "task"])["seed"].nunique().rename("seeds").reset_index()
    mean = rows.groupby(["mechanism", "task", "step"])["value"].agg(["mean", "count"]).reset_index()
    mean = mean.merge(seeds, on=["mechanism", "task"])
    mean = mean[mean["count"] == mean["seeds"]].rename(columns={"mean": "value"}).assign(seed="mean")
    return pd.concat([rows.astype({"seed": "str"}), mean[rows.columns]], ignore_index=True)
