"""What a report consists of: what each view has of a run.

The findings of a report are claims, so each kind of them is simulated on data without differences
(`benchmarks/false_claims.py`, `benchmarks/false_speed_claims.py`). `results/analysis/compare.py` says when one
mechanism scores higher than another, and `results/analysis/timings.py` when one is faster; below FEW_SEEDS seeds,
findings state only what the runs scored. Where the data does not say, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from registry import UserError

from ..analysis.intervals import FEW_SEEDS
from ..analysis.run import Run, read
from ..views import VIEWS, Figure, Finding, Table, View
from ..views.view import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

T = TypeVar("T")
FIRST = 5  # sentences with which a report begins


@dataclass
class Section:
    """What a view has of a run. `mistakes` are the exceptions that it raised, as sentences."""

    name: str
    title: str
    table: Table | None = None
    figure: Figure | None = None
    findings: list[Finding] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


@dataclass
class Contents:
    """The sections of a run's report in their order, and the `first` sentences, most important first.

    `notes` say what could not be drawn as it is written.
    """

    run: Run
    sections: list[Section]
    notes: list[str] = field(default_factory=list)

    @property
    def first(self) -> list[Finding]:
        found = [finding for section in self.sections for finding in section.findings if finding.importance > 0]
        return sorted(found, key=lambda finding: -finding.importance)[:FIRST]

    @property
    def findings(self) -> list[Finding]:
        """All sentences, view by view."""
        return [finding for section in self.sections for finding in section.findings]

    @property
    def mistakes(self) -> list[str]:
        left_out = [f"the view {name} is left out: {reason}" for name, reason in self.run.left_out.items()]
        return left_out + [mistake for section in self.sections for mistake in section.mistakes]


def contents(run: Run) -> Contents:
    """Ask every view for what it has. A view that raises, or does harm, is named, and the others are shown."""
    from .rehearsal import left_out

    run = replace(run, left_out={**run.left_out, **left_out(run)})
    return Contents(run, [section_of(name, view, run) for name, view in shown(run).items()])


def section_of(name: str, view: View, run: Run) -> Section:
    section = Section(name, view.title)

    def ask(what: Callable[[Run], T]) -> T | None:
        try:
            return what(run)
        except Exception as error:
            section.mistakes.append(f"the view {name} failed: {type(error).__name__}: {error}")
            return None

    table = ask(view.table)
    section.table = table if table is not None and len(table) else None
    section.figure = ask(view.figure)
    section.findings = ask(lambda run: list(view.findings(run))) or []
    ask(lambda run: list(view.columns(run)))
    return section


def cautions(run: Run) -> list[str]:
    """Return what a reader is to be told first: of few seeds, of a warm-up that was cut, and of unequal steps."""
    return [text for text in (_few_seeds(run), _cut_warmup(run), _budget(run)) if text]


def _few_seeds(run: Run) -> str:
    if not run.seeds or run.seeds >= FEW_SEEDS:
        return ""
    many = f"{run.seeds} seeds" if run.seeds > 1 else "one seed"
    return (
        f"These results come from {many}: small differences may be chance, so the sentences state what the runs scored "
        f"and claim no difference between mechanisms. {FEW_SEEDS} seeds can show differences; "
        f"make benchmark SEEDS={FEW_SEEDS} runs only the missing trials."
    )


def _cut_warmup(run: Run) -> str:
    """Say so where training, or pre-training, has fewer steps than the warm-up."""
    trained = run.trials[run.trials["task"].notna()]
    warmup = _column(trained, "recipe.warmup")
    for what, name in (("training", "recipe.steps"), ("pre-training", "earlier_steps")):
        steps = _column(trained, name)
        cut = (steps < warmup).fillna(False).to_numpy(dtype=bool)
        if cut.any():
            return (
                f"The warm-up of {warmup[cut].iloc[0]:.0f} steps was cut to the {steps[cut].iloc[0]:.0f} steps of "
                f"{what}: the learning rate reaches its highest value at the last step and does not fall."
            )
    return ""


def _budget(run: Run) -> str:
    suite = run.manifest.get("suite")
    kind = suite.get("budget") if isinstance(suite, dict) else None
    same = {"flops": "floating-point operations", "seconds": "seconds"}.get(str(kind))
    if same is None:
        return ""
    return f"On each task the mechanisms were trained for the same {same} (budget: {kind}), so not for the same steps."


def _column(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    return rows[name].astype("Float64") if name in rows else pd.Series(pd.NA, index=rows.index, dtype="Float64")


def figure(name: str, run: Run | str | Path) -> Drawing:
    """Draw the figure of the view `name`. Raises UserError where there is no such view or it has no figure."""
    from ..charts import draw

    of = read(run) if isinstance(run, str | Path) else run
    found = VIEWS[name]().figure(of)
    if found is None:
        raise UserError(f"the view '{name}' has no figure of the run {of.name}{_others(of, 'figure')}")
    return draw(found, of)


def table(name: str, run: Run | str | Path) -> Table:
    """Return the table of the view `name`. Raises UserError where there is no such view or it has no table."""
    of = read(run) if isinstance(run, str | Path) else run
    found = VIEWS[name]().table(of)
    if found is None:
        raise UserError(f"the view '{name}' has no table of the run {of.name}{_others(of, 'table')}")
    return found


def _others(run: Run, kind: str) -> str:
    names = [section.name for section in contents(run).sections if getattr(section, kind) is not None]
    return f"; there is one of {', '.join(names)}" if names else ""
