"""What sentences may claim: the differences that a run supports, and words for what its few seeds did."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ..analysis import compare
from ..analysis.compare import Difference, Pair
from ..analysis.run import Run
from .view import shown

_DIFFERENCES: WeakKeyDictionary[Run, dict[Pair, Difference]] = WeakKeyDictionary()


def differences(run: Run) -> dict[Pair, Difference]:
    """Return the differences of all pairs that the views of the run may compare; computed once for a run."""
    if run not in _DIFFERENCES:
        pairs = [pair for view in shown(run).values() for pair in view.pairs(run)]
        _DIFFERENCES[run] = compare.differences(run.scores, pairs)
    return _DIFFERENCES[run]


def number_of_seeds(run: Run) -> str:
    """Return "both seeds" or the like, for sentences that state what the runs did."""
    return {1: "one seed", 2: "both seeds"}.get(run.seeds, f"{run.seeds} seeds")
