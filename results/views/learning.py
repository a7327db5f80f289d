"""Learning: the validation score against the training step, and the learning rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.run import Results
from ..analysis.selection import windows
from ..store.formats import rate
from .view import Table

if TYPE_CHECKING:
    from ..charts.files import Drawing

READING = (
    "The score on validation data (1: perfect, 0: chance) as training goes on, at the learning rate picked for each "
    "mechanism and task. Thin lines are single seeds, the thick line their mean, drawn as far as all seeds were "
    "trained: a run that solves its task, or diverges, ends early."
)


def figure(results: Results) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

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


def table(results: Results) -> Table:
    rows = windows(results.rates)
    if results.rates["learning_rate"].nunique() < 2:
        rows = rows.iloc[:0]
    text = pd.DataFrame(
        {
            "mechanism": rows["mechanism"],
            "task": rows["task"],
            "learning rate": rows["learning_rate"].map(rate),
            "as good from": rows["low"].map(rate),
            "as good to": rows["high"].map(rate),
        }
    )
    reading = (
        "The learning rate that did best on validation data, and the range of rates tried that came within five points "
        "of it: the wider, the easier the mechanism is to train."
    )
    return Table("learning_rates", "Learning rates", reading, text, results.rates)
