"""Everything that is known of a run, as the tables, the figures and the report take it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..store.load import load_both
from .selection import rates, select


# Compared by identity, so that what is computed from a run can be kept for it.
@dataclass(frozen=True, eq=False)
class Results:
    """The cells and the measurements of a run, at the chosen learning rates.

    `all_cells` are the planned cells of all rates; `rates` the table of `selection.rates`.
    """

    name: str
    cells: pd.DataFrame
    frame: pd.DataFrame
    all_cells: pd.DataFrame
    rates: pd.DataFrame
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the plan."""
        return [str(task) for task in self.cells["task"].dropna().unique()]

    @property
    def mechanisms(self) -> list[str]:
        """The mechanisms in the order of the plan."""
        return [str(name) for name in self.cells["mechanism"].unique()]

    @property
    def seeds(self) -> int:
        """How many seeds were planned for training."""
        return int(self.cells.loc[self.cells["kind"] == "train", "seed"].nunique())


def read(run: str | Path) -> Results:
    """Read the run in folder `run`; UserError where there is none."""
    cells, frame = load_both(run)
    manifest = _manifest(Path(run) / "manifest.json")
    return gather(str(manifest.get("name") or Path(run).resolve().name), cells, frame, manifest)


def gather(name: str, cells: pd.DataFrame, frame: pd.DataFrame, manifest: dict[str, Any] | None = None) -> Results:
    chosen_cells, chosen_frame = select(cells, frame)
    return Results(name, chosen_cells, chosen_frame, cells, rates(cells, frame), manifest or {})


def _manifest(path: Path) -> dict[str, Any]:
    # A report of a run whose manifest is lost or torn is better than none.
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
