from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from ..analysis.run import Run
from ..analysis.scores import NO_SCORE
from ..store.formats import count
from .table import Column, Table
from .view import VIEWS, Finding, View

COLUMNS = ("outcome", "mechanism", "where", "reason")
ORDER = {"skipped": 1, "not run yet": 2, "unavailable": 3}
CAPTION = "Trials (a mechanism, task, seed and learning rate) without a result, and the reason."


@VIEWS.register("outcomes")
class OutcomesView(View):
    """The trials that did not end well, and what is unavailable."""

    title = "Skipped and failed"
    order = 1000

    def table(self, run: Run) -> Table | None:
        well = run.all_trials["outcome"] == "ok"
        # What ended well has a reason only where it has no score.
        rows = run.all_trials[~well.fillna(False) | run.all_trials["reason"].notna()].copy()
        rows["outcome"] = rows["outcome"].fillna("not run yet").mask(well, NO_SCORE)
        rows["reason"] = rows["reason"].fillna("")
        rows = pd.concat([rows, _retried(run)], ignore_index=True)
        rows["where"] = rows["task"].fillna(rows["probes"])
        grouped = rows.groupby([*COLUMNS], sort=False).size().reset_index(name="trials")
        grouped = pd.concat([grouped, _unavailable(run)], ignore_index=True)
        if grouped.empty:
            return None
        grouped = grouped.sort_values(
            "outcome", key=lambda column: column.map(ORDER).fillna(0), kind="stable", ignore_index=True
        )
        columns = [
            Column.of("mechanism", grouped, "mechanism", importance=math.inf),
            Column.of("task", grouped, "where"),
            Column.of("outcome", grouped, "outcome"),
            Column.of("trials", grouped, "trials", count),
            Column.of("reason", grouped, "reason"),
        ]
        more = " What is unavailable could not be loaded or understood, so there are no trials of it."
        return Table(CAPTION + (more if run.unavailable else ""), columns, grouped)

    def findings(self, run: Run) -> Iterator[Finding]:
        counts = run.all_trials["outcome"].fillna("not run yet").value_counts().drop(["ok", "skipped"], errors="ignore")
        if len(counts):
            parts = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
            yield Finding(f"{counts.sum()} of {len(run.all_trials)} trials gave no result: {parts}.", 95)


def _retried(run: Run) -> pd.DataFrame:
    rows = run.all_trials[run.all_trials["retried"].notna()].copy()
    ended = rows["outcome"].fillna("not run yet").astype("str")
    rows["outcome"] = [f"{how} after {often} attempts" for how, often in zip(ended, rows["attempts"], strict=True)]
    return rows.assign(reason=rows["retried"])


def _unavailable(run: Run) -> pd.DataFrame:
    rows = [("unavailable", name, "", reason, 0) for name, reason in run.unavailable.items()]
    return pd.DataFrame(rows, columns=[*COLUMNS, "trials"])
