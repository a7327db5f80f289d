from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.compare import means
from ..analysis.floors import Floor, floors
from ..analysis.run import Run
from ..analysis.scores import CHANCE, SOLVED, solves
from ..store.formats import number
from .claims import listed_by_family
from .view import VIEWS, Finding, View


@VIEWS.register("solved")
class SolvedView(View):
    """Which mechanisms solve a task on every seed, and which are near chance on every seed."""

    title = "Solved tasks"
    needs = ("normalised",)
    order = 15

    def findings(self, run: Run) -> Iterator[Finding]:
        found = floors(run.trials)
        for task in run.tasks:
            yield from _solved(run.scores, task, found.get(task))


def _solved(table: pd.DataFrame, task: str, floor: Floor | None) -> list[Finding]:
    rows = table[(table["task"] == task) & table["outcome"].notna() & (table["outcome"] != "skipped")]
    lowest = rows.groupby("mechanism", sort=False)["counted"].min()
    highest = rows[rows["outcome"] == "ok"].groupby("mechanism", sort=False)["score"].max().dropna()
    if not len(highest):
        return []
    least = rows["floor"].iloc[0]
    # A trial that ended badly counts as chance in `counted`, so no mechanism with a failed seed solves the task.
    able, unable = list(lowest[solves(lowest, least)].index), list(highest[highest <= CHANCE].index)
    parts = [f"solved (a score of {SOLVED} or more on every seed) by {listed_by_family(able, table)}"] if able else []
    reads = "" if floor is None else f"the {number(floor.score)} of a simple reader ({floor.reader})"
    if not able:
        # A mechanism that reaches SOLVED on every seed is not named as able only if it is not above the reader.
        which = f"is above {reads}" if (lowest >= SOLVED).any() else f"reaches {SOLVED}"
        parts = [f"no mechanism {which} on every seed; the best mean is {_best(table, task)}"]
    if reads:
        simple = [name for name in highest[highest <= least].index if name not in unable]
        parts += [f"at most {reads} on every seed: {listed_by_family(simple, table)}"] if simple else []
    parts += [f"near chance (at most {CHANCE} on every seed): {listed_by_family(unable, table)}"] if unable else []
    return [Finding(f"{task}: {'; '.join(parts)}.", 60)]


def _best(table: pd.DataFrame, task: str) -> str:
    found = means(table, task)
    return f"{number(float(found.max()))}, of {found.idxmax()}"
