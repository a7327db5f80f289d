"""Ladders: a task at growing values of one setting, of which each, a rung, is trained and tested at itself.

In comparisons over tasks a ladder is one task: its score is the mean over its rungs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pandas as pd

from .intervals import over_seeds

if TYPE_CHECKING:
    from .run import Run

REACHED = 0.9  # a rung is reached where the median seed has this score or more
NONE, ALL, UNKNOWN = "none", "all rungs", "not run"


def task_or_ladder(frame: pd.DataFrame) -> pd.Series[str]:
    """Return the ladder of each row whose task is a rung of one, else the task."""
    return frame["ladder"].fillna(frame["task"])


def together(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of scores (see `scores.scores`) with one row for all rungs of a ladder, named by it as a task.

    Score, counted and floor are means over the rungs, missing where one rung has none; the steps to solve are the most
    of a rung; the outcome is "ok" where all rungs ended so, else that of the first that did not.
    """
    rungs = table[table["ladder"].notna()]
    if rungs.empty:
        return table
    merged = [
        {**dict(rows.iloc[0]), "task": ladder, **_merged(rows)}
        for (ladder, _, _), rows in rungs.groupby(["ladder", "mechanism", "seed"], sort=False)
    ]
    first = pd.DataFrame(merged, index=rungs.groupby(["ladder", "mechanism", "seed"], sort=False).head(1).index)
    whole = pd.concat([table[table["ladder"].isna()], first.astype(table.dtypes.to_dict())])
    return whole.sort_index()


def _merged(rows: pd.DataFrame) -> Mapping[str, Any]:
    means = {name: rows[name].mean(skipna=False) for name in ("score", "counted", "floor")}
    ill = rows.loc[rows["outcome"].fillna("") != "ok", "outcome"]
    steps = rows["steps_to_solve"].max(skipna=False)
    return {**means, "steps_to_solve": steps, "outcome": ill.iloc[0] if len(ill) else "ok"}


def rungs(run: Run, quantity: str) -> pd.DataFrame:
    """Return ladder, setting, mechanism, rung, value (mean over seeds), low, high and seeds of a tested quantity."""
    frame = run.frame
    rows = frame[frame["ladder"].notna() & (frame["quantity"] == quantity) & (frame["stage"] == "test")]
    own = (rows["outcome"] == "ok") & (rows["length"] == rows["trained_length"]).fillna(False)
    rows = rows[own.to_numpy(dtype=bool)].dropna(subset=["value"])
    found = over_seeds(rows, ["ladder", "ladder_setting", "mechanism", "rung"])
    return found.rename(columns={"ladder_setting": "setting"}).sort_values(["ladder", "mechanism", "rung"])


def reaches(run: Run) -> pd.DataFrame:
    """Return ladder, mechanism, reach and words.

    The reach is the last rung before the first one at which the median seed scores less than REACHED. Where there is
    none, or every rung is reached, `words` say so; trials that ended badly count as `scores.scores` counts them.
    """
    table = run.rung_scores[run.rung_scores["ladder"].notna()]
    found = []
    for (ladder, mechanism), rows in table.groupby(["ladder", "mechanism"], sort=False):
        medians = rows.groupby("rung")["counted"].median().sort_index()
        reached = [rung for rung, _ in takewhile(lambda each: each[1] >= REACHED, medians.items())]
        words = ALL if len(reached) == len(medians) else "" if reached else NONE
        if medians.isna().any():
            reached, words = [], UNKNOWN
        reach = reached[-1] if reached else float("nan")
        found.append({"ladder": ladder, "mechanism": mechanism, "reach": reach, "words": words})
    return pd.DataFrame(found, columns=["ladder", "mechanism", "reach", "words"])
