"""The trials without a result, and how far the seeds carry."""

from __future__ import annotations

from ..analysis.intervals import FEW_SEEDS
from ..analysis.run import Results
from .view import Finding, Table


def table(results: Results) -> Table:
    """Every planned cell, of all learning rates, that did not end well, alike ones in one row."""
    rows = results.all_cells[results.all_cells["outcome"] != "ok"].copy()
    rows["outcome"] = rows["outcome"].fillna("not run yet")
    rows["reason"] = rows["reason"].fillna("")
    rows["where"] = rows["task"].fillna(rows["kind"])
    grouped = rows.groupby(["outcome", "mechanism", "where", "reason"], sort=False).size().reset_index(name="cells")
    order = {"skipped": 1, "not run yet": 2}
    grouped = grouped.sort_values(
        "outcome", key=lambda column: column.map(order).fillna(0), kind="stable", ignore_index=True
    )
    text = grouped.rename(columns={"where": "task"})[["mechanism", "task", "outcome", "cells", "reason"]]
    reading = "Cells (a mechanism, task, seed and learning rate) that gave no result, and why."
    return Table("outcomes", "Skipped and failed", reading, text.astype({"cells": str}), grouped)


def troubles(results: Results) -> list[Finding]:
    """How many cells gave no result."""
    cells = results.all_cells
    counts = cells["outcome"].fillna("not run yet").value_counts()
    counts = counts.drop(["ok", "skipped"], errors="ignore")
    if counts.empty:
        return []
    listed = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    return [Finding("trouble", f"{counts.sum()} of {len(cells)} cells gave no result: {listed}.")]


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
