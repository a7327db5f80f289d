"""Which mechanisms solve a task, and which stay near chance."""

from __future__ import annotations

import pandas as pd

from ..analysis.compare import means
from ..analysis.run import Results
from ..analysis.scores import scores
from ..store.formats import number
from ..store.labels import families, short
from .view import Finding, listed

SOLVED, CHANCE = 0.95, 0.1


def solved(results: Results) -> list[Finding]:
    """Who solves each task on every seed, and who stays near chance on every seed."""
    table = scores(results.cells, results.frame)
    return [finding for task in results.tasks for finding in _solved(table, task)]


def _solved(table: pd.DataFrame, task: str) -> list[Finding]:
    rows = table[(table["task"] == task) & table["outcome"].notna() & (table["outcome"] != "skipped")]
    lowest = rows.groupby("mechanism", sort=False)["counted"].min()
    highest = rows[rows["outcome"] == "ok"].groupby("mechanism", sort=False)["score"].max()
    # A cell that ended badly counts as chance in `counted`, so nobody solves a task with a failed seed.
    able, unable = list(lowest[lowest >= SOLVED].index), list(highest[highest <= CHANCE].index)
    if not len(highest):
        return []
    parts = [f"solved (a score of {SOLVED} or more on every seed) by {_who(able, table)}" if able else ""]
    parts.append(f"near chance (at most {CHANCE} on every seed): {_who(unable, table)}" if unable else "")
    if not able:
        parts[0] = f"nobody reaches {SOLVED} on every seed; the best mean is {_best(table, task)}"
    return [Finding("score", f"{task}: {'; '.join(part for part in parts if part)}.")]


def _best(table: pd.DataFrame, task: str) -> str:
    found = means(table, task)
    return f"{number(float(found.max()))}, of {found.idxmax()}"


def _who(names: list[str], table: pd.DataFrame) -> str:
    """List names by family: "lstm and transformer (dot, cosine)" rather than every name in full."""
    parts = []
    for family in families(table):
        own = [name for name in family.mechanisms if name in names]
        inside = [short(name, family) for name in own]
        if len(own) == len(family.mechanisms) > 2 and own != inside:
            parts.append(f"{family.title} with every score")
        elif own == inside:
            parts += own
        else:
            # Names of several hyper-parameters have commas of their own.
            between = "; " if any("," in name for name in inside) else ", "
            parts.append(f"{family.title} ({between.join(inside)})")
    return listed(parts)
