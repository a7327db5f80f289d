"""What was found: rules over the results, each of which says one plain sentence, or nothing.

A rule claims that one mechanism scores higher than another only where the mean difference, paired by seed
(the data are the same at the same seed), is at least MARGIN and either every seed agrees (below five
seeds) or the 95 % interval of the difference excludes zero. Speeds differ where the quartiles of the
timings do not overlap. Where the data does not say, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from ..ranking import ranked
from ..run import Results
from ..statistics import FEW_SEEDS
from . import costs, gradients, scores
from .finding import Finding

__all__ = ["Finding", "find"]

RULES: list[Callable[[Results], list[Finding]]] = [
    scores.solved,
    scores.attention_mends,
    scores.content_or_location,
    scores.gated_or_plain,
    gradients.at_initialisation,
    costs.exponents_by_family,
    costs.growth_at_the_end,
    costs.transformer_or_recurrent,
    costs.additive_or_dot,
]


def find(results: Results, ranking: pd.DataFrame | None = None) -> list[Finding]:
    """Return what the results say, most important first."""
    table = ranked(results) if ranking is None else ranking
    found = [*scores.best(results, table), *scores.plugins(table)]
    for rule in RULES:
        found += rule(results)
    return [*found, *troubles(results), *evidence(results)]


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
