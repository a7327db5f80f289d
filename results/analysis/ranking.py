"""The ranking in numbers: a frame with a row a mechanism, and one with a row a mechanism and task.

The order: first the mechanisms that have ended on every task they were planned for, by score; then those
of which tasks are skipped or still to run, for a mean over other tasks is no fair comparison; last those
of which nothing ended well.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from .intervals import mean_interval, mean_over_tasks
from .scores import Ending, ending

if TYPE_CHECKING:
    from .run import Run

TIE = 0.99  # training stops there, so scores above it differ by chance


class RankingFrames(NamedTuple):
    """The mechanisms, best first, and their scores on each task, in the same order; see `ranked`."""

    mechanisms: pd.DataFrame
    tasks: pd.DataFrame


def ranked(run: Run) -> RankingFrames:
    """Return the mechanisms, best first.

    Columns of `mechanisms`: rank, mechanism, origin, score (the mean over tasks of the mean over seeds of the
    normalised score), low, high, interval (its kind, see intervals.Interval), tasks (how many count), ended_well,
    solved (share of runs that solved their task) and steps_to_solve (median of those that did). Columns of `tasks`:
    mechanism, task, value (mean over seeds), low, high, at_floor (whether it is not above what a simple reader scores),
    word (how most runs ended that did not end well), ill (how many of them there are) and runs.
    """
    table = run.scores
    rows = dict(list(table.groupby("mechanism", sort=False)))
    each = _identities(run)
    found = [_over_tasks(rows.get(name, table.iloc[:0])) for name in each["mechanism"]]
    # An empty plan has the columns too.
    overall = pd.DataFrame(found, index=each.index, columns=list(_over_tasks(table.iloc[:0])))
    whole = pd.concat([each, overall], axis=1)
    group = np.where(whole["tasks"] == len(run.tasks), 0, 1)
    ordered = whole.assign(group=np.where(whole["ended_well"], group, 2))
    ordered = ordered.sort_values(["group", "score", "mechanism"], ascending=[True, False, True], ignore_index=True)
    ordered.insert(0, "rank", _ranks(ordered))
    return RankingFrames(ordered.drop(columns="group"), _by_task(table, list(ordered["mechanism"]), run.tasks))


def _identities(run: Run) -> pd.DataFrame:
    # A mechanism that the plan leaves out altogether is among the skipped, with its reason, and has no rank.
    trials = run.all_trials
    each = trials[trials["task"].notna() | (trials["outcome"] != "skipped")].drop_duplicates("mechanism")
    return each[["mechanism", "origin"]]


def _ranks(ordered: pd.DataFrame) -> list[int]:
    """Return the ranks: scores that are equal to two digits, or all at least TIE, share one."""
    equal = ordered["score"].clip(upper=TIE).round(2).fillna(-1.0)
    keys = list(zip(ordered["group"], equal, strict=True))
    return [keys.index(key) + 1 for key in keys]


def _over_tasks(rows: pd.DataFrame) -> dict[str, Any]:
    counted = [group.dropna().to_numpy(dtype=float) for _, group in rows.groupby("task", sort=False)["counted"]]
    ended_well = bool((rows["score"].notna() & (rows["outcome"] == "ok")).any())
    overall = mean_over_tasks(counted if ended_well else [])
    ended = rows[rows["counted"].notna()]
    return {
        "score": overall.value,
        "low": overall.low,
        "high": overall.high,
        "interval": overall.kind,
        "tasks": sum(values.size > 0 for values in counted),
        "ended_well": ended_well,
        "solved": float(ended["steps_to_solve"].notna().mean()) if len(ended) else float("nan"),
        "steps_to_solve": float(ended["steps_to_solve"].median()),
    }


def _by_task(table: pd.DataFrame, names: list[str], tasks: list[str]) -> pd.DataFrame:
    groups = dict(list(table.groupby(["mechanism", "task"], sort=False)))
    found = []
    for name, task in product(names, tasks):
        rows = groups.get((name, task), table.iloc[:0])
        mean = mean_interval(rows["score"].dropna().to_numpy(dtype=float))
        at_floor = bool((mean.value <= rows["floor"]).any())
        numbers = {"value": mean.value, "low": mean.low, "high": mean.high, "at_floor": at_floor}
        found.append({"mechanism": name, "task": task, **numbers, **ending(rows["outcome"])._asdict()})
    return pd.DataFrame(found, columns=["mechanism", "task", "value", "low", "high", "at_floor", *Ending._fields])
