"""Everything that is known of a run, as the tables, the figures and the report take it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..store.database import Store
from ..store.load import store_of, tidy
from .selection import rates, select

if TYPE_CHECKING:
    from .ranking import Ranking


@dataclass(frozen=True, eq=False)
class Results:
    """The trials and the measurements of a run, at the chosen learning rates.

    `all_trials` are the planned trials of all rates; `rates` the table of `selection.rates`; `unavailable` the reasons,
    by name, of what the plan could not specify at all.
    """

    name: str
    trials: pd.DataFrame
    frame: pd.DataFrame
    all_trials: pd.DataFrame
    rates: pd.DataFrame
    manifest: dict[str, Any] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the plan."""
        return [str(task) for task in self.trials["task"].dropna().unique()]

    @property
    def mechanisms(self) -> list[str]:
        """The mechanisms in the order of the plan."""
        return [str(name) for name in self.trials["mechanism"].unique()]

    @property
    def seeds(self) -> int:
        """How many seeds were planned for training."""
        return int(self.trials.loc[self.trials["task"].notna(), "seed"].nunique())

    @cached_property
    def ranking(self) -> Ranking:
        """The mechanisms, best first, and their scores on each task; worked out once."""
        from .ranking import ranked

        return ranked(self)


def read(run: str | Path) -> Results:
    """Read the run in folder `run`; UserError where there is none."""
    with Store(store_of(run), read_only=True) as store:
        trials, frame = tidy(*store.snapshot())
        unavailable = store.unavailable()
    manifest = _manifest(Path(run) / "manifest.json")
    return gather(str(manifest.get("name") or Path(run).resolve().name), trials, frame, manifest, unavailable)


def gather(
    name: str,
    trials: pd.DataFrame,
    frame: pd.DataFrame,
    manifest: dict[str, Any] | None = None,
    unavailable: Mapping[str, str] | None = None,
) -> Results:
    chosen_trials, chosen_frame = select(trials, frame)
    found = rates(trials, frame)
    return Results(name, chosen_trials, chosen_frame, trials, found, manifest or {}, unavailable or {})


def _manifest(path: Path) -> dict[str, Any]:
    # A report of a run whose manifest is lost or torn is better than none.
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
