"""Gradient norm against distance from the answer: untrained, and after training."""

from __future__ import annotations

from typing import Any

from ..gradients import profiles
from ..run import Results
from .drawing import Drawing
from .facets import Panels, grid

FLOOR = 1e-12
READING = (
    "How strongly an input, so many positions before the scored answer, can still move the loss: the norm of the "
    "gradient at its embedding, divided by that at the nearest position (1, on a logarithmic scale). A straight line "
    "downwards is exponential vanishing; a flat line carries a learning signal over any distance. Bands are lowest "
    "to highest seed; a line ends where it falls below 1e-12. "
)
LABELS: dict[str, Any] = {
    "x": "distance",
    "x_label": "distance before the answer (positions)",
    "y_label": "relative gradient norm",
}


def initial(results: Results) -> Drawing | None:
    """The untrained networks, on random input, at the longest length probed."""
    reading = READING + "Untrained networks on random input: what the architecture gives before any learning."
    return _drawing(results, "initial", "gradients_initial", "Gradient flow before training", reading)


def trained(results: Results) -> Drawing | None:
    """The trained networks, a row a task."""
    reading = READING + "After training on the task: where the trained network looks."
    return _drawing(results, "trained", "gradients_trained", "Gradient flow after training", reading)


def _drawing(results: Results, stage: str, name: str, title: str, reading: str) -> Drawing | None:
    data = profiles(results.frame[results.frame["stage"] == stage])
    if data.empty:
        return None
    data["task"] = data["task"].fillna("")
    longest = data.groupby("task")["length"].transform("max")
    data = data[data["length"] == longest].assign(drawn=data["value"].where(data["value"] >= FLOOR))
    data[["low", "high"]] = data[["low", "high"]].clip(lower=FLOOR)
    order = results.tasks if stage == "trained" else [""]
    rows = {task: task for task in order if (data["task"] == task).any()}
    limits = (min(0.3, float(data["drawn"].min())) / 2, max(3.0, float(data["drawn"].max())) * 2)
    drawn, _ = grid(results, Panels(data, "task", rows, y="drawn", log_y=True, limits=limits, **LABELS))
    return Drawing(name, title, reading, drawn, data.reset_index(drop=True))
