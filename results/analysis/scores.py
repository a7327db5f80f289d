"""One score per mechanism, task and seed: the normalised test score at the trained length.

1 is a perfect reader, 0 is chance, and below 0 is worse than chance. A diverged cell counts as chance,
or as the worst finished score of its task where that is below chance, so that it never ranks above a
run that ended. In the aggregate over tasks the same holds of cells that failed, ran out of time or
memory, or crashed; where there is no number to show, tables show the outcome's word.
"""

from __future__ import annotations

import pandas as pd

from .selection import BROKEN

OF_CELL = ["cell", "mechanism", "model", "alignment", "task", "seed", "learning_rate", "outcome"]


def scores(cells: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a training cell: score (to show), counted (for aggregates), and steps to solve.

    `score` is missing where the cell neither ended well nor diverged; `counted` only where the cell has
    not run or is skipped. `steps_to_solve` is missing where the task was never solved.
    """
    table = cells.loc[cells["kind"] == "train", OF_CELL].copy()
    tested = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "test")]
    tested = tested[(tested["length"] == tested["trained_length"]).fillna(False).to_numpy(dtype=bool)]
    table["score"] = _of_cells(table, tested).where(table["outcome"] == "ok")
    floor = table.groupby("task")["score"].transform("min").fillna(0.0).clip(upper=0.0)
    table["counted"] = table["score"].where(~table["outcome"].isin(BROKEN), floor)
    table["score"] = table["score"].where(table["outcome"] != "diverged", floor)
    table["steps_to_solve"] = _of_cells(table, frame[frame["quantity"] == "steps_to_solve"])
    return table


def word(outcomes: pd.Series[str]) -> str:
    """Return how cells (the seeds of a task) ended that did not end well: "", "timeout" or "1 of 2 timeout"."""
    named = outcomes.fillna("not run")
    ill = named[named != "ok"]
    if ill.empty:
        return "" if len(named) else "absent"
    commonest = str(ill.mode().iloc[0])
    return commonest if len(ill) == len(named) else f"{len(ill)} of {len(named)} {commonest}"


def _of_cells(table: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[float]:
    return table["cell"].map(rows.groupby("cell")["value"].first()).astype("float64")
