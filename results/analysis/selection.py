"""Which learning rate stands for a mechanism on a task.

Every mechanism gets the same sweep. The rate is picked on *validation*: the mean over seeds of a trial's score
(`normalised`) at its last evaluation, that of the weights that are tested. A trial that ended without a result
(diverged, failed, timeout, oom, crashed) counts as 0, or as the lowest score seen for its mechanism and task where that
is below 0; trials that have not run yet do not count. Among equal rates the one with fewer such trials wins, then the
smaller one. Where validation gives no score, since chance and ceiling are too close there, the rate with the fewest
such trials wins, then the one with the lowest validation loss.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .intervals import over_seeds

BROKEN = ("diverged", "failed", "timeout", "oom", "crashed")
WINDOW = 0.05  # rates within five points of the best are as good
GROUP = ["mechanism", "task"]
RATE = {"recipe.learning_rate": "learning_rate"}


def rates(trials: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mechanism, task and learning rate, best rate first.

    Columns: mechanism, task, learning_rate, validation (mean over seeds; NaN before any trial ended), its interval
    validation_low to validation_high, broken (how many trials ended without a result), chosen, in_window (within five
    points of the best).
    """
    scored = _scored(trials, frame)
    by_rate = scored.groupby([*GROUP, "learning_rate"], dropna=False, sort=True)
    table = by_rate.agg(validation=("score", "mean"), broken=("is_broken", "sum"), loss=("loss", "mean")).reset_index()
    table["loss"] = table["loss"].where(table["validation"].isna())
    order = {"validation": False, "broken": True, "loss": True, "learning_rate": True}
    ascending = [True] * len(GROUP) + list(order.values())
    table = table.sort_values([*GROUP, *order], ascending=ascending, na_position="last", ignore_index=True)
    table = table.drop(columns="loss").merge(_intervals(scored), on=[*GROUP, "learning_rate"], how="left")
    table["chosen"] = ~table.duplicated(GROUP)
    best = table.groupby(GROUP)["validation"].transform("max")
    table["in_window"] = table["chosen"] | (best - table["validation"] <= WINDOW)
    return table


def windows(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per mechanism and task: the chosen learning_rate, and the window low to high around it.

    The window is the longest run of neighbouring rates, the chosen one among them, of which each is within five points
    of the best. `edge` says at which ends it has all rates of the sweep, where it is known only to be so wide at least:
    lowest, highest, both or "". `rates` is how many were swept.
    """
    rows = [{**dict(zip(GROUP, key, strict=True)), **_window(each)} for key, each in table.groupby(GROUP)]
    return pd.DataFrame(rows, columns=[*GROUP, "learning_rate", "low", "high", "edge", "rates"])


def _window(rates_of_one: pd.DataFrame) -> dict[str, float | str]:
    swept = rates_of_one.sort_values("learning_rate", ignore_index=True)
    chosen = int(swept.index[swept["chosen"]][0])
    # A rate outside the window divides the sweep: the rates behind it are in another part.
    part = (~swept["in_window"]).cumsum()
    every = swept["learning_rate"]
    inside = every[swept["in_window"] & (part == part[chosen])]
    ends = {"lowest": inside.min() == every.min(), "highest": inside.max() == every.max()}
    at = [name for name, reached in ends.items() if reached]
    return {
        "learning_rate": float(every[chosen]),
        "low": float(inside.min()),
        "high": float(inside.max()),
        "edge": "both" if len(at) == 2 else "".join(at),
        "rates": len(swept),
    }


def _intervals(scored: pd.DataFrame) -> pd.DataFrame:
    known = scored.dropna(subset=["score"]).rename(columns={"score": "value"})
    found = over_seeds(known, [*GROUP, "learning_rate"]).drop(columns=["value", "seeds"])
    # Without rows, the columns have no types.
    found = found.astype({"learning_rate": "float64", "low": "float64", "high": "float64"})
    return found.rename(columns={"low": "validation_low", "high": "validation_high"})


def select(trials: pd.DataFrame, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials and frame without the trained trials whose learning rate was not chosen."""
    table = rates(trials, frame)
    chosen = table.loc[table["chosen"], [*GROUP, "learning_rate"]]
    merged = trials.rename(columns=RATE)[["trial", *GROUP, "learning_rate"]].merge(
        chosen, on=[*GROUP, "learning_rate"], how="left", indicator=True
    )
    kept = merged.loc[(merged["_merge"] == "both").to_numpy() | trials["task"].isna().to_numpy(), "trial"]
    return trials[trials["trial"].isin(kept)], frame[frame["trial"].isin(kept)]


def _scored(trials: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the trained trials with `score` and `loss` at the last evaluation of each, and `is_broken`."""
    planned = trials.loc[trials["task"].notna(), ["trial", *GROUP, "recipe.learning_rate", "outcome"]]
    trained = planned.rename(columns=RATE)
    trained["is_broken"] = trained["outcome"].isin(BROKEN)
    for column, quantity in (("score", "normalised"), ("loss", "loss")):
        last = trained["trial"].map(_last(frame, quantity)).astype("float64")
        trained[column] = last.where(trained["outcome"] == "ok")
    trained["score"] = trained["score"].where(~trained["is_broken"], without_result(trained, GROUP, GROUP))
    return trained


def without_result(rows: pd.DataFrame, among: Sequence[str], examples: Sequence[str]) -> pd.Series[float]:
    """Return what each trial counts as if it has no result: 0, or the lowest `score` where that is below 0.

    The lowest is that of the trials that are equal in `among`. Where those that are equal in `examples` ended well
    without a score, it is missing: on such examples no other trial counts either.
    """
    lowest = rows.groupby([*among])["score"].transform("min").fillna(0.0).clip(upper=0.0)
    key = [rows[name] for name in examples]
    well = (rows["outcome"] == "ok").fillna(False).astype(bool)
    scored = rows["score"].notna() & well
    return lowest.mask(well.groupby(key).transform("any") & ~scored.groupby(key).transform("any"))


def _last(frame: pd.DataFrame, quantity: str) -> pd.Series[float]:
    """Return the value of a quantity at the last evaluation on validation data, by trial."""
    seen = frame[(frame["quantity"] == quantity) & (frame["stage"] == "validation")].sort_values("step")
    return seen.drop_duplicates("trial", keep="last").set_index("trial")["value"]
