"""Which learning rate stands for a mechanism on a task.

Every mechanism gets the same sweep. The rate is picked on *validation*: the mean over seeds of the best
validation score (`normalised`) of a cell. A cell that ended without a result (diverged, failed, timeout,
oom, crashed) counts as 0, or as the lowest score seen for its mechanism and task where that is below 0;
cells that have not run yet do not count. Among equal rates the one with fewer such cells wins, then the
smaller one.
"""

from __future__ import annotations

import pandas as pd

BROKEN = ("diverged", "failed", "timeout", "oom", "crashed")
WINDOW = 0.05  # rates within five points of the best are as good
GROUP = ["mechanism", "task"]


def rates(cells: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mechanism, task and learning rate, best rate first.

    Columns: mechanism, task, learning_rate, validation (mean over seeds; NaN before any cell ended),
    broken (how many cells ended without a result), chosen, in_window (within five points of the best).
    """
    scored = _scored(cells, frame)
    by_rate = scored.groupby([*GROUP, "learning_rate"], dropna=False, sort=True)
    table = by_rate.agg(validation=("score", "mean"), broken=("is_broken", "sum")).reset_index()
    order = [*GROUP, "validation", "broken", "learning_rate"]
    table = table.sort_values(order, ascending=[True, True, False, True, True], na_position="last", ignore_index=True)
    table["chosen"] = ~table.duplicated(GROUP)
    best = table.groupby(GROUP)["validation"].transform("max")
    table["in_window"] = table["chosen"] | (best - table["validation"] <= WINDOW)
    return table


def windows(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mechanism and task: the chosen learning_rate and the window low to high around it."""
    inside = table[table["in_window"]].groupby(GROUP)["learning_rate"]
    chosen = table[table["chosen"]].set_index(GROUP)["learning_rate"]
    return pd.DataFrame({"learning_rate": chosen, "low": inside.min(), "high": inside.max()}).reset_index()


def select(cells: pd.DataFrame, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return cells and frame without the training cells whose learning rate was not chosen."""
    table = rates(cells, frame)
    chosen = table.loc[table["chosen"], [*GROUP, "learning_rate"]]
    merged = cells[["cell", *GROUP, "learning_rate"]].merge(
        chosen, on=[*GROUP, "learning_rate"], how="left", indicator=True
    )
    kept = merged.loc[(merged["_merge"] == "both").to_numpy() | (cells["kind"] != "train").to_numpy(), "cell"]
    return cells[cells["cell"].isin(kept)], frame[frame["cell"].isin(kept)]


def _scored(cells: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the training cells with `score`, the best validation score of each, and `is_broken`."""
    trained = cells.loc[cells["kind"] == "train", ["cell", *GROUP, "learning_rate", "outcome"]].copy()
    seen = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "validation")]
    best = seen.groupby("cell")["value"].max()
    trained["is_broken"] = trained["outcome"].isin(BROKEN)
    trained["score"] = trained["cell"].map(best).astype("float64").where(trained["outcome"] == "ok")
    lowest = trained.groupby(GROUP)["score"].transform("min").fillna(0.0).clip(upper=0.0)
    trained["score"] = trained["score"].where(~trained["is_broken"], lowest)
    return trained
