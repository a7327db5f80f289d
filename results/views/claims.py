"""What sentences may claim: the differences that a run supports, and words for what its few seeds did."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from ..analysis.compare import Comparison, Difference, Pair, compare
from ..analysis.run import Run
from .view import shown

_COMPARISONS: WeakKeyDictionary[Run, Comparison] = WeakKeyDictionary()


def differences(run: Run) -> Mapping[Pair, Difference]:
    """Return the differences of all pairs that the views of the run may compare."""
    return _comparison(run).differences


def apart(run: Run) -> Mapping[str, bool]:
    """Return whether a task tells any two mechanisms apart, for each task that has seeds enough to say so."""
    return _comparison(run).apart


def _comparison(run: Run) -> Comparison:
    """Compare once for a run, and together, since everything that the report may claim counts."""
    if run not in _COMPARISONS:
        pairs = [pair for view in shown(run).values() for pair in view.pairs(run)]
        _COMPARISONS[run] = compare(run.scores, pairs)
    return _COMPARISONS[run]


def number_of_seeds(run: Run) -> str:
    """Return "both seeds" or the like, for sentences that state what the runs did."""
    return {1: "one seed", 2: "both seeds"}.get(run.seeds, f"{run.seeds} seeds")
