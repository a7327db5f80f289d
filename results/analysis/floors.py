"""What simple readers score on a task: a score that is not above theirs says nothing of attention.

The plan stores them with each trial, by the reader's name, as normalised scores at the trained length; of a task on
which they were not measured there are none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

SHORTCUTS = "task.shortcuts"


class Floor(NamedTuple):
    """The best of the simple readers of a task, and its score."""

    reader: str
    score: float


def floors(trials: pd.DataFrame) -> dict[str, Floor]:
    """Return the floor of each task that has one."""
    if SHORTCUTS not in trials:
        return {}
    known = trials.dropna(subset=["task", SHORTCUTS]).drop_duplicates("task")
    found = {str(task): json.loads(text) for task, text in zip(known["task"], known[SHORTCUTS], strict=True)}
    best = {task: Floor(*max(each.items(), key=lambda item: item[1])) for task, each in found.items() if each}
    return best | dict(_of_ladders(trials, best))


def _of_ladders(trials: pd.DataFrame, best: Mapping[str, Floor]) -> Iterator[tuple[str, Floor]]:
    """Yield each ladder that has a floor on every rung: the mean over them, as its score is."""
    for ladder, rows in trials.dropna(subset=["ladder"]).groupby("ladder"):
        of_rungs = [best[task] for task in rows["task"].unique() if task in best]
        if len(of_rungs) == rows["task"].nunique():
            readers = " or ".join(dict.fromkeys(each.reader for each in of_rungs))
            yield str(ladder), Floor(readers, sum(each.score for each in of_rungs) / len(of_rungs))
