from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.compare import means
from ..analysis.families import Family, families
from ..analysis.run import Run
from ..store.formats import number
from .view import VIEWS, Finding, View, listed

SOLVED, CHANCE = 0.95, 0.1


@VIEWS.register("solved")
class SolvedView(View):
    """Which mechanisms solve a task on every seed, and which are near chance on every seed."""

    title = "Solved tasks"
    needs = ("normalised",)
    order = 15

    def findings(self, run: Run) -> Iterator[Finding]:
        table = run.scores
        for task in run.tasks:
            yield from _solved(table, task)


def _solved(table: pd.DataFrame, task: str) -> list[Finding]:
    rows = table[(table["task"] == task) & table["outcome"].notna() & (table["outcome"] != "skipped")]
    lowest = rows.groupby("mechanism", sort=False)["counted"].min()
    highest = rows[rows["outcome"] == "ok"].groupby("mechanism", sort=False)["score"].max().dropna()
    # A trial that ended badly counts as chance in `counted`, so no mechanism with a failed seed solves the task.
    able, unable = list(lowest[lowest >= SOLVED].index), list(highest[highest <= CHANCE].index)
    if not len(highest):
        return []
    parts = [f"solved (a score of {SOLVED} or more on every seed) by {_listed(able, table)}" if able else ""]
    parts.append(f"near chance (at most {CHANCE} on every seed): {_listed(unable, table)}" if unable else "")
    if not able:
        parts[0] = f"no mechanism reaches {SOLVED} on every seed; the best mean is {_best(table, task)}"
    return [Finding(f"{task}: {'; '.join(part for part in parts if part)}.", 60)]


def _best(table: pd.DataFrame, task: str) -> str:
    found = means(table, task)
    return f"{number(float(found.max()))}, of {found.idxmax()}"


def _listed(names: list[str], table: pd.DataFrame) -> str:
    """List names by family: "lstm and transformer (dot, cosine)" rather than every name in full."""
    return listed(part for family in families(table) for part in _of_family(family, names))


def _of_family(family: Family, names: list[str]) -> list[str]:
    own = [name for name in family.mechanisms if name in names]
    if not own or family.every is None or len(family.mechanisms) == 1:
        return own
    if len(own) == len(family.mechanisms) > 2:
        return [family.every]
    inside = [family.names[name] for name in own]
    # Names of several settings have commas of their own.
    between = "; " if any("," in name for name in inside) else ", "
    return [f"{family.title} ({between.join(inside)})"]
