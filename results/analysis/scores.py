"""One score per mechanism, task and seed: the normalised test score at the trained length.

1 is a perfect reader, 0 is chance, and below 0 is worse than chance. A diverged trial counts as chance,
or as the worst finished score of its task where that is below chance, so that it never ranks above a
run that ended. In the aggregate over tasks the same holds of trials that failed, ran out of time or
memory, or crashed; where there is no number to show, tables show the outcome's word.

A trial that ended well has no score where chance and ceiling are too close on its examples; its reason says so, and its
outcome is NO_SCORE here. All trials of that task and seed have the same examples, so no other counts either.

A task is solved by a score of SOLVED or more that is above the score of every simple reader (`floors`).
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from ..store.formats import ABSENT
from .floors import floors
from .selection import BROKEN, without_result

NO_SCORE = "no score"
NO_SCORE_MEANS = (
    "Where a perfect reader is not clearly better than chance on the examples of a trial, it has no score and is in no "
    "mean."
)
SOLVED, CHANCE = 0.95, 0.1  # a score of at most CHANCE is near chance
OF_TRIAL = [
    "trial",
    "mechanism",
    "variant",
    "model",
    "mechanism.alignment",
    "task",
    "ladder",
    "rung",
    "seed",
    "outcome",
]


def scores(trials: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a trained trial: score (to show), counted (for aggregates), floor, and steps to solve.

    `score` is missing where the trial neither ended well nor diverged; `counted` only where the trial has not run, is
    skipped, or is of a task and seed without scores. `floor` is the best score of a simple reader, at least that of
    chance; it is missing where none was measured. `steps_to_solve` is missing where the trial never reached the score
    at which training stops.
    """
    table = trials.loc[trials["task"].notna(), OF_TRIAL].copy()
    tested = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "test")]
    tested = tested[(tested["length"] == tested["trained_length"]).fillna(False).to_numpy(dtype=bool)]
    table["score"] = _of_trials(table, tested).where(table["outcome"] == "ok")
    floor = without_result(table, ["task"], ["task", "seed"])
    table["counted"] = table["score"].where(~table["outcome"].isin(BROKEN), floor)
    table["score"] = table["score"].where(table["outcome"] != "diverged", floor)
    known = {task: max(0.0, floor.score) for task, floor in floors(trials).items()}
    table["floor"] = table["task"].map(known).astype("float64")
    table["steps_to_solve"] = _of_trials(table, frame[frame["quantity"] == "steps_to_solve"])
    explained = trials["reason"].reindex(table.index).notna()
    table["outcome"] = table["outcome"].mask((table["outcome"] == "ok") & table["score"].isna() & explained, NO_SCORE)
    return table


def solves(score: pd.Series[float], floor: pd.Series[float] | float) -> pd.Series[bool]:
    """Tell which scores solve a task with that floor (NaN: not measured). Nothing else calls a task solved."""
    return (score >= SOLVED) & ~(score <= floor)


class Ending(NamedTuple):
    """How the runs of a task ended that did not end well: how most of them did, and how many of all there are."""

    word: str
    ill: int
    runs: int


def ending(outcomes: pd.Series[str]) -> Ending:
    """Return how the seeds of a task ended; the word is "" where all ended well, "–" where there are none."""
    named = outcomes.fillna("not run")
    ill = named[named != "ok"]
    word = str(ill.mode().iloc[0]) if len(ill) else "" if len(named) else ABSENT
    return Ending(word, len(ill), len(named))


def _of_trials(table: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[float]:
    return table["trial"].map(rows.groupby("trial")["value"].first()).astype("float64")
