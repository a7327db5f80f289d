"""What a report consists of: its tables, its figures, and what was found.

A rule looks at the results and says one plain sentence, or nothing. It claims that one mechanism scores higher than
another only where the mean difference, paired by seed (the data are the same at the same seed), is at least MARGIN
and either every seed agrees (below five seeds) or the 95 % interval of the difference excludes zero. Speeds differ
where the quartiles of the timings do not overlap. Where the data does not say, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..analysis.run import Results
from ..views import (
    by_distance,
    by_length,
    cost,
    gradient_flow,
    learning,
    memory,
    outcomes,
    ranking,
    solved,
    throughput,
    what_attention_changes,
)
from ..views.view import Finding, Table

if TYPE_CHECKING:
    from ..charts.files import Drawing

FIGURES: list[Callable[[Results], Drawing | None]] = [
    ranking.score_matrix,
    ranking.score_against_speed,
    learning.figure,
    by_length.figure,
    by_length.decoded,
    by_distance.figure,
    gradient_flow.initial,
    gradient_flow.trained,
    throughput.figure,
    memory.figure,
]
RULES: list[Callable[[Results], list[Finding]]] = [
    ranking.best,
    ranking.plugins,
    solved.solved,
    what_attention_changes.attention_mends,
    what_attention_changes.content_or_location,
    what_attention_changes.gated_or_plain,
    gradient_flow.at_initialisation,
    throughput.exponents_by_family,
    throughput.growth_at_the_end,
    throughput.transformer_or_recurrent,
    throughput.additive_or_dot,
    outcomes.troubles,
    outcomes.evidence,
]


def tables(results: Results) -> list[Table]:
    """Return the tables that have rows."""
    made = [ranking.table(results), by_length.table(results), throughput.table(results), cost.table(results)]
    made += [gradient_flow.table(results), learning.table(results), outcomes.table(results)]
    return [table for table in made if len(table.text)]


def draw(results: Results) -> Iterator[Drawing]:
    """Draw every figure there is data for."""
    from ..charts.theme import themed

    for figure in FIGURES:
        # Around each alone: a generator that pauses inside would leave the theme on for its caller.
        with themed():
            drawing = figure(results)
        if drawing is not None:
            yield drawing


def find(results: Results) -> list[Finding]:
    """Return what the results say, most important first."""
    return [finding for rule in RULES for finding in rule(results)]
