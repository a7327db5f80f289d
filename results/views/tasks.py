from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..analysis.compare import means
from ..analysis.floors import floors
from ..analysis.intervals import FEW_SEEDS
from ..analysis.ladders import task_or_ladder
from ..analysis.run import Run
from ..analysis.scores import CHANCE, SOLVED, solves
from ..store.formats import ABSENT, count, digits
from .claims import apart
from .table import Column, Table
from .view import VIEWS, Finding, View, listed

APART, SAME, FEW = "tells mechanisms apart", "no difference shown", "too few seeds to tell"
CEILING = "all mechanisms are at the ceiling"
FLOOR, NEAR_CHANCE = "no mechanism exceeds the simple reader", "all mechanisms are near chance"
ONE, NONE = "fewer than two mechanisms have scores", "no score"
MARKS = (APART, CEILING, FLOOR, NEAR_CHANCE)
CAPTION = (
    "Chance and ceiling are in the task's metric, at the trained length (the mean over trials); all else is a "
    "normalised score (1: perfect, 0: chance). The simple reader is the best of some that cannot attend, such as a "
    "count of the tokens; a dash means that none was measured. Lowest and highest are those of the mechanisms' means. "
    "A task tells mechanisms apart where a difference between two of them holds after the correction for all that the "
    f"report may compare, with {FEW_SEEDS} seeds or more. All are at the ceiling where every seed of every mechanism "
    f"scores {SOLVED} or more, and near chance where every one scores at most {CHANCE}; no mechanism exceeds the "
    "simple reader where no seed of any does."
)


@VIEWS.register("tasks")
class TasksView(View):
    """What the scores on each task can say: chance, the best simple reader, the ceiling, and whether they differ."""

    title = "Tasks"
    needs = ("normalised",)
    order = 14

    def table(self, run: Run) -> Table | None:
        rows = summaries(run)
        if rows.empty:
            return None
        columns = [
            Column.of("task", rows, "task"),
            Column.of("length", rows, "length", count),
            Column.of("steps", rows, "steps", count),
            Column.of("chance", rows, "chance", digits(3)),
            Column.of("ceiling", rows, "ceiling", digits(3)),
            Column.of("simple reader", rows, "reader"),
            Column.of("its score", rows, "floor"),
            Column.of("lowest", rows, "lowest"),
            Column.of("highest", rows, "highest"),
            Column.of("what the scores say", rows, "says"),
        ]
        return Table(CAPTION, columns, rows)

    def findings(self, run: Run) -> Iterator[Finding]:
        if text := overview(run):
            yield Finding(text, 80)


def summaries(run: Run) -> pd.DataFrame:
    """Return task, length, steps, chance, ceiling, reader, floor, lowest, highest (of the means), and what they say."""
    tested = run.frame[(run.frame["stage"] == "test") & (run.frame["length"] == run.frame["trained_length"])]
    bounds = tested.assign(task=task_or_ladder(tested)).groupby(["task", "quantity"])["value"].mean()
    # A trial that is skipped has no training, and so not the steps of the suite.
    ran = run.trials[run.trials["outcome"] != "skipped"].reindex(columns=["trained_length", "recipe.steps"])
    trained = ran.assign(task=task_or_ladder(run.trials)).groupby("task").max()
    simple, found = floors(run.trials), []
    for task in run.tasks:
        mean = means(run.scores, task)
        reader, floor = simple.get(task, ("", math.nan))
        row: dict[str, Any] = {
            "task": task,
            "length": trained["trained_length"].get(task),
            "steps": trained["recipe.steps"].get(task),
        }
        row |= {name: bounds.get((task, name), math.nan) for name in ("chance", "ceiling")}
        row |= {"reader": reader or ABSENT, "floor": floor, "lowest": mean.min(), "highest": mean.max()}
        found.append(row)
    return pd.DataFrame(found).assign(says=[", ".join(marks(run, task)) for task in run.tasks])


def marks(run: Run, task: str) -> list[str]:
    """Return what the scores on a task say. Only APART is a claim."""
    rows = run.scores[(run.scores["task"] == task) & run.scores["score"].notna()]
    if rows["mechanism"].nunique() < 2:
        return [ONE if len(rows) else NONE]
    level = _level(run.scores[run.scores["task"] == task])
    told = apart(run).get(task)
    if told is None:
        return level or [FEW]
    return [APART, *level] if told else level or [SAME]


def _level(rows: pd.DataFrame) -> list[str]:
    """Return whether all mechanisms are at the ceiling, or none is above chance or above the simple readers."""
    ran = rows[rows["counted"].notna() | rows["score"].notna()]
    if solves(ran["counted"], ran["floor"]).all():
        return [CEILING]
    if (ran["score"].dropna() <= CHANCE).all():
        return [NEAR_CHANCE]
    return [FLOOR] if (ran["score"] <= ran["floor"])[ran["score"].notna()].all() else []


def overview(run: Run) -> str:
    """Say how many tasks tell mechanisms apart, and of which the scores say nothing."""
    found = {task: marks(run, task) for task in run.tasks}
    if all(each in ([ONE], [NONE]) for each in found.values()):
        return ""
    told, *rest = ([task for task, each in found.items() if mark in each] for mark in MARKS)
    if told:
        many = f"{len(found)} task{'s' if len(found) > 1 else ''}"
        text = f"{len(told)} of {many} {'tells' if len(told) == 1 else 'tell'} mechanisms apart: {listed(told)}"
    elif apart(run):
        text = "No difference between mechanisms is shown on any task"
    else:
        text = f"With fewer than {FEW_SEEDS} seeds no task can be said to tell mechanisms apart"
    notes = [f"{mark} on {listed(tasks)}" for mark, tasks in zip(MARKS[1:], rest, strict=True) if tasks]
    return f"{'; '.join([text, *notes])}."
