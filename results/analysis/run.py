"""All that is known of a run: what views are functions of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from registry import Quantity

from ..store.database import Store
from ..store.load import store_of, tidy
from ..store.rows import Array
from .ladders import task_or_ladder, together
from .selection import rates, select

if TYPE_CHECKING:
    from .ranking import RankingFrames


@dataclass(frozen=True, eq=False)
class Run:
    """The trials and the measurements of a run, at the chosen learning rates.

    `all_trials` are the planned trials of all rates; `rates` the table of `selection.rates`; `unavailable` the reasons,
    by name, of what the plan could not specify at all. `quantities` say what each measured number is, by name.
    `arrays` are what trials have kept, by the key of the trial. `left_out` are the reasons, by name, of the views of
    plug-ins that are not shown.
    """

    name: str
    trials: pd.DataFrame
    frame: pd.DataFrame
    all_trials: pd.DataFrame
    rates: pd.DataFrame
    manifest: dict[str, Any] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    arrays: Mapping[str, Sequence[Array]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def measured(self) -> frozenset[str]:
        """The names of the quantities of which there is a value."""
        return frozenset(self.frame.loc[self.frame["value"].notna(), "quantity"])

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the plan, a ladder in place of its rungs."""
        return [str(task) for task in task_or_ladder(self.trials).dropna().unique()]

    @property
    def mechanisms(self) -> list[str]:
        """The mechanisms in the order of the plan."""
        return [str(name) for name in self.trials["mechanism"].unique()]

    @property
    def seeds(self) -> int:
        """How many seeds were planned for training."""
        return int(self.trials.loc[self.trials["task"].notna(), "seed"].nunique())

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores on each task, a ladder in place of its rungs, see `ladders.together`; computed once."""
        return together(self.rung_scores)

    @cached_property
    def rung_scores(self) -> pd.DataFrame:
        """The normalised test score of each trained trial, see `scores.scores`; computed once."""
        from .scores import scores

        return scores(self.trials, self.frame)

    @cached_property
    def ranking(self) -> RankingFrames:
        """The mechanisms, best first, and their scores on each task; computed once."""
        from .ranking import ranked

        return ranked(self)

    @cached_property
    def by_length(self) -> pd.DataFrame:
        """Speeds and bytes by length, see `scaling.by_length`; computed once."""
        from .scaling import by_length

        return by_length(self.frame)

    @cached_property
    def slopes(self) -> pd.DataFrame:
        """How they grow with the length, see `scaling.slopes`; computed once."""
        from .scaling import slopes

        return slopes(self.frame)

    @cached_property
    def decays(self) -> pd.DataFrame:
        """How gradients fade with distance, see `decay.decays`; computed once."""
        from .decay import decays

        return decays(self.frame)


def read(folder: str | Path) -> Run:
    """Read the run in `folder`. Raises UserError where there is none."""
    with Store(store_of(folder), read_only=True) as store:
        trials, measurements = store.snapshot()
        quantities, unavailable, arrays = store.quantities(), store.unavailable(), store.arrays()
    manifest = _manifest(Path(folder) / "manifest.json")
    name = str(manifest.get("name") or Path(folder).resolve().name)
    return gather(name, tidy(trials, measurements, quantities), quantities, manifest, unavailable, arrays)


def gather(
    name: str,
    both: tuple[pd.DataFrame, pd.DataFrame],
    quantities: Mapping[str, Quantity],
    manifest: dict[str, Any] | None = None,
    unavailable: Mapping[str, str] | None = None,
    arrays: Mapping[str, Sequence[Array]] | None = None,
) -> Run:
    """Return the run of all trials and their measurements."""
    trials, frame = select(*both)
    # A store that was written by hand may measure what it does not declare.
    known = {name: Quantity(name, name) for name in pd.unique(frame["quantity"])} | dict(quantities)
    return Run(name, trials, frame, both[0], rates(*both), manifest or {}, unavailable or {}, known, arrays or {})


def _manifest(path: Path) -> dict[str, Any]:
    # A report of a run whose manifest is lost or torn is better than none.
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
