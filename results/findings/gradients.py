"""What the gradients of the untrained networks say."""

from __future__ import annotations

import math

import pandas as pd

from ..formats import spread
from ..names import NO_ALIGNMENT, families
from ..ranking import initial_decays
from ..records import Record, records
from ..run import Results
from .finding import Finding, span

SAYS = {"vanishing": "vanishes", "exploding": "explodes", "stable": "holds"}


def at_initialisation(results: Results) -> list[Finding]:
    """Where the gradient vanishes, explodes or holds before training, with rates and horizons."""
    rows = initial_decays(results).set_index("mechanism").reindex(results.mechanisms).reset_index()
    found = []
    for verdict, verb in SAYS.items():
        alike = rows[rows["verdict"] == verdict]
        if alike.empty:
            continue
        told = [_group(results, alike, title) for title in _titles(results)]
        reach = span(float(alike["reach"].min()), float(alike["reach"].max()), 0)
        parts = "; ".join(part for part in told if part)
        found.append(Finding("gradient", f"Before training, the gradient {verb} over {reach} positions in {parts}."))
    return found


def _titles(results: Results) -> list[tuple[str, tuple[str, ...]]]:
    return [(family.title, family.mechanisms) for family in families(results.cells)]


def _group(results: Results, alike: pd.DataFrame, family: tuple[str, tuple[str, ...]]) -> str:
    """Name a family as one where all of it is alike and it is more than three, else each by itself."""
    title, mechanisms = family
    rows = alike[alike["mechanism"].isin(mechanisms)]
    if title != NO_ALIGNMENT and len(rows) > 2 and len(rows) == len(mechanisms):
        low, high = float(rows["rate"].min()), float(rows["rate"].max())
        return f"{title} with every score ({span(low, high, 3)} nats per position)"
    return ", ".join(_one(row) for row in records(rows))


def _one(row: Record) -> str:
    rate = (
        "at once" if math.isinf(row["rate"]) else f"{spread(row['rate'], row['low'], row['high'], 3)} nats per position"
    )
    left = "" if math.isinf(row["horizon"]) else f", 1 % left after {row['horizon']:.0f}"
    return f"{row['mechanism']} ({rate}{left})"
