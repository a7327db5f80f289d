from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..analysis.decay import profiles
from ..analysis.families import Family, families
from ..analysis.run import Run
from ..store.formats import count, digits, spread
from .figure import Axis, Lines
from .table import Column, Table
from .view import VIEWS, Finding, View, span

FLOOR = 1e-12
CAPTION = (
    "The influence of an input on the loss, by its distance before the scored answer: the norm of the gradient at its "
    "embedding, divided by that at the nearest position (1, on a logarithmic scale). A straight line downwards is "
    "exponential vanishing; a flat line carries a learning signal over any distance. Bands are lowest to highest seed; "
    "a line ends where it falls below 1e-12. "
)
TABLE_CAPTION = (
    "The decay is the slope of the logarithm of the gradient norm over distance (Theil-Sen, the mean over seeds with "
    "its interval): 0.1 means that the gradient loses a factor e every ten positions; there is none where the line "
    "explains less than 0.9 of the variance. The horizon is the distance at which 1 % of the gradient is left. The "
    "verdict is stable where the gradient stays between 1/100 and 100 times that at the nearest position, else "
    "vanishing or exploding where an exponential fits, else no exponential."
)
VERDICTS = {
    "vanishing": "vanishes exponentially",
    "exploding": "grows exponentially",
    "stable": "stays between 1/100 and 100 times that at the nearest position,",
    "no exponential": "changes by more than a factor of 100, not exponentially,",
}


@VIEWS.register("gradient_flow")
class GradientFlowView(View):
    """Gradient flow over distance in untrained networks; its table is of the trained ones too."""

    title = "Gradient flow before training"
    needs = ("gradient_norm",)
    order = 60

    def table(self, run: Run) -> Table | None:
        rows = run.decays
        order = {name: place for place, name in enumerate(run.mechanisms)}
        rows = rows.sort_values(
            ["stage", "task", "mechanism"],
            key=lambda column: column.map(order) if column.name == "mechanism" else column,
            ignore_index=True,
        )
        trained = rows["stage"] + " on " + rows["task"].fillna("")
        rows = rows.assign(network=rows["stage"].where(rows["task"].isna(), trained))
        columns = [
            Column.of("mechanism", rows, "mechanism"),
            Column.of("network", rows, "network"),
            Column.of("length", rows, "length", count),
            Column.of("decay (nats/position)", rows, "rate", digits(4), low="low", high="high"),
            Column.of("horizon", rows, "horizon", count, beyond="reach"),
            Column.of("verdict", rows, "verdict"),
        ]
        return Table(TABLE_CAPTION, columns, rows.drop(columns="network"))

    def figure(self, run: Run) -> Lines | None:
        more = "Untrained networks on random input: what the architecture gives before any learning."
        return profile_lines(run, "initial", CAPTION + more)

    def findings(self, run: Run) -> Iterator[Finding]:
        rows = initial_decays(run).set_index("mechanism").reindex(run.mechanisms).reset_index()
        for verdict, verb in VERDICTS.items():
            alike = rows[rows["verdict"] == verdict]
            if len(alike):
                parts = "; ".join(part for family in families(run.trials) if (part := _group(alike, family)))
                reach = span(float(alike["reach"].min()), float(alike["reach"].max()), 0)
                yield Finding(f"Before training, the gradient {verb} over {reach} positions in {parts}.", 40)

    def columns(self, run: Run) -> Iterator[Column]:
        rows = initial_decays(run).set_index("mechanism")
        yield Column.of("gradient decay", rows, "rate", digits(3), 5)
        yield Column.of("horizon", rows, "horizon", count, 7, beyond="reach")


def initial_decays(run: Run) -> pd.DataFrame:
    """Return the decay of each untrained mechanism, at the longest length at which it was measured."""
    table = run.decays[run.decays["stage"] == "initial"]
    return table.sort_values("length").drop_duplicates("mechanism", keep="last")


def profile_lines(run: Run, stage: str, caption: str, quantity: str = "gradient_norm") -> Lines | None:
    data = profiles(run.frame[(run.frame["stage"] == stage) & run.frame["ladder"].isna()], quantity)
    if data.empty:
        return None
    data["task"] = data["task"].fillna("")
    longest = data.groupby("task")["length"].transform("max")
    data = data[data["length"] == longest].assign(drawn=data["value"].where(data["value"] >= FLOOR))
    data[["low", "high"]] = data[["low", "high"]].clip(lower=FLOOR)
    panels = {task: task for task in ("", *run.tasks) if (data["task"] == task).any()}
    limits = (min(0.3, float(data["drawn"].min())) / 2, max(3.0, float(data["drawn"].max())) * 2)
    x = Axis("distance", "distance before the answer (positions)")
    label = {"gradient_norm": "relative gradient norm", "jacobian_norm": "relative Jacobian norm"}[quantity]
    y = Axis("drawn", label, log=True, limits=limits)
    return Lines(caption, data.reset_index(drop=True), x, y, panels)


def _group(alike: pd.DataFrame, family: Family) -> str:
    """Name a family as one where all of it is alike and it has three or more, else each by itself."""
    rows = alike[alike["mechanism"].isin(family.mechanisms)]
    if family.every is not None and len(rows) > 2 and len(rows) == len(family.mechanisms):
        return family.every
    return ", ".join(_one(row) for row in rows.to_dict("records"))


def _one(row: Mapping[Any, Any]) -> str:
    parts = [] if row["verdict"] == "stable" or math.isnan(row["rate"]) else [_rate(row)]
    parts += [] if math.isinf(row["horizon"]) else [f"1 % left after {row['horizon']:.0f}"]
    return f"{row['mechanism']} ({', '.join(parts)})" if parts else str(row["mechanism"])


def _rate(row: Mapping[Any, Any]) -> str:
    if math.isinf(row["rate"]):
        return "within one position"
    return f"{spread(row['rate'], row['low'], row['high'], digits(3))} nats per position"
