"""Gradient flow over distance, untrained and after training: its table, its figures, where it vanishes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.decay import decays, profiles
from ..analysis.families import Family, families
from ..analysis.ranking import initial_decays
from ..analysis.records import Record, records
from ..analysis.run import Results
from ..store.formats import count, horizon, spread
from .view import Finding, Table, span

if TYPE_CHECKING:
    from ..charts.files import Drawing

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
SAYS = {"vanishing": "vanishes", "exploding": "explodes", "stable": "holds"}


def table(results: Results) -> Table:
    rows = decays(results.frame)
    order = {name: place for place, name in enumerate(results.mechanisms)}
    rows = rows.sort_values(
        ["stage", "task", "mechanism"],
        key=lambda column: column.map(order) if column.name == "mechanism" else column,
        ignore_index=True,
    )
    text = pd.DataFrame(
        {
            "mechanism": rows["mechanism"],
            "network": rows["stage"].where(rows["task"].isna(), rows["stage"] + " on " + rows["task"].fillna("")),
            "length": rows["length"].map(count),
            "decay (nats/position)": [spread(row["rate"], row["low"], row["high"], 4) for row in records(rows)],
            "horizon": [horizon(row["horizon"], row["reach"]) for row in records(rows)],
            "verdict": rows["verdict"],
        }
    )
    reading = (
        "The decay is the slope of the logarithm of the gradient norm over distance (Theil-Sen, with its 95 % "
        "interval): 0.1 means that the gradient loses a factor e every ten positions. The horizon is the distance at "
        "which 1 % of it is left. The verdict says whether over the distances measured it falls below 1/100, rises "
        "above 100 or neither."
    )
    return Table("gradients", "Gradient flow", reading, text, rows)


def initial(results: Results) -> Drawing | None:
    """The untrained networks, on random input, at the longest length probed."""
    reading = READING + "Untrained networks on random input: what the architecture gives before any learning."
    return _drawing(results, "initial", "gradients_initial", "Gradient flow before training", reading)


def trained(results: Results) -> Drawing | None:
    """The trained networks, a row a task."""
    reading = READING + "After training on the task: where the trained network looks."
    return _drawing(results, "trained", "gradients_trained", "Gradient flow after training", reading)


def _drawing(results: Results, stage: str, name: str, title: str, reading: str) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

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


def at_initialisation(results: Results) -> list[Finding]:
    """Where the gradient vanishes, explodes or holds before training, with rates and horizons."""
    rows = initial_decays(results).set_index("mechanism").reindex(results.mechanisms).reset_index()
    found = []
    for verdict, verb in SAYS.items():
        alike = rows[rows["verdict"] == verdict]
        if alike.empty:
            continue
        told = [_group(alike, family) for family in families(results.trials)]
        reach = span(float(alike["reach"].min()), float(alike["reach"].max()), 0)
        parts = "; ".join(part for part in told if part)
        found.append(Finding("gradient", f"Before training, the gradient {verb} over {reach} positions in {parts}."))
    return found


def _group(alike: pd.DataFrame, family: Family) -> str:
    """Name a family as one where all of it is alike and it is more than three, else each by itself."""
    rows = alike[alike["mechanism"].isin(family.mechanisms)]
    if family.every is not None and len(rows) > 2 and len(rows) == len(family.mechanisms):
        low, high = float(rows["rate"].min()), float(rows["rate"].max())
        return f"{family.every} ({span(low, high, 3)} nats per position)"
    return ", ".join(_one(row) for row in records(rows))


def _one(row: Record) -> str:
    rate = (
        "at once" if math.isinf(row["rate"]) else f"{spread(row['rate'], row['low'], row['high'], 3)} nats per position"
    )
    left = "" if math.isinf(row["horizon"]) else f", 1 % left after {row['horizon']:.0f}"
    return f"{row['mechanism']} ({rate}{left})"
