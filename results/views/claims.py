"""What sentences may claim: the differences that a run supports, and words for what its few seeds did."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import pandas as pd

from ..analysis.compare import Comparison, Difference, Pair, compare
from ..analysis.families import Family, families
from ..analysis.run import Run
from .view import listed, shown

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


def listed_by_family(names: list[str], table: pd.DataFrame) -> str:
    """List names by family: "lstm and transformer (dot, cosine)" rather than every name in full."""
    return listed(part for family in families(table) for part in _of_family(family, names))


def _of_family(family: Family, names: list[str]) -> list[str]:
    own = [name for name in family.mechanisms if name in names]
    if not own or family.every is None or len(family.mechanisms) == 1:
        return own
    if len(own) == len(family.mechanisms) > 2:
        return [family.every]
    inside = [family.names[name] for name in own]
    # Names of several settings have commas of their own.
    between = "; " if any("," in name for name in inside) else ", "
    return [f"{family.title} ({between.join(inside)})"]
