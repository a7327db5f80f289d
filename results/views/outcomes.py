"""The trials without a result, and how far the seeds carry."""

from __future__ import annotations

import pandas as pd

from ..analysis.intervals import FEW_SEEDS
from ..analysis.run import Results
from .view import Finding, Table

COLUMNS = ("outcome", "mechanism", "where", "reason")
ORDER = {"skipped": 1, "not run yet": 2, "unavailable": 3}


def table(results: Results) -> Table:
    """Every planned trial, of all learning rates, that did not end well, alike ones in one row; what is unavailable."""
    rows = results.all_trials[results.all_trials["outcome"] != "ok"].copy()
    rows["outcome"] = rows["outcome"].fillna("not run yet")
    rows["reason"] = rows["reason"].fillna("")
    rows["where"] = rows["task"].fillna(rows["probes"])
    grouped = rows.groupby([*COLUMNS], sort=False).size().reset_index(name="trials")
    grouped = pd.concat([grouped, _unavailable(results)], ignore_index=True)
    grouped = grouped.sort_values(
        "outcome", key=lambda column: column.map(ORDER).fillna(0), kind="stable", ignore_index=True
    )
    text = grouped.rename(columns={"where": "task"})[["mechanism", "task", "outcome", "trials", "reason"]]
    reading = "Trials (a mechanism, task, seed and learning rate) that gave no result, and why."
    if results.unavailable:
        reading += " What is unavailable could not be loaded or understood, so there are no trials of it."
    return Table("outcomes", "Skipped and failed", reading, text.astype({"trials": str}), grouped)


def _unavailable(results: Results) -> pd.DataFrame:
    rows = [("unavailable", name, "", reason, 0) for name, reason in results.unavailable.items()]
    return pd.DataFrame(rows, columns=[*COLUMNS, "trials"])


def troubles(results: Results) -> list[Finding]:
    """How many trials gave no result."""
    trials = results.all_trials
    counts = trials["outcome"].fillna("not run yet").value_counts()
    counts = counts.drop(["ok", "skipped"], errors="ignore")
    if counts.empty:
        return []
    listed = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    return [Finding("trouble", f"{counts.sum()} of {len(trials)} trials gave no result: {listed}.")]


def evidence(results: Results) -> list[Finding]:
    """How far the seeds carry."""
    if not results.seeds or results.seeds >= FEW_SEEDS:
        return []
    many = f"{results.seeds} seeds" if results.seeds > 1 else "one seed"
    return [
        Finding(
            "evidence",
            f"All of this rests on {many}: take small differences for chance, and run five or more seeds "
            "before publishing any.",
        )
    ]
