"""The contract of a view: what a report shows of one measured thing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from registry import Registered, Registry

from .figure import Figure
from .table import Column, Table

if TYPE_CHECKING:
    from ..analysis.compare import Pair
    from ..analysis.run import Run


@dataclass(frozen=True)
class Finding:
    """One plain sentence. A report begins with the five of most `importance`; at 0 it stands beside its view alone."""

    text: str
    importance: float = 0.0


class View(Registered):
    """Shows one measured thing of a run: override what it has of `table`, `figure`, `findings` and `columns`.

    A view is a pure function of the run. It is shown where the run has one of the quantities that it `needs`, or
    always where it needs none. Quantities that no view needs are in the view `generic`.
    """

    title: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    order: ClassVar[int] = 100
    """Where the view stands in a report: those of lower order first."""

    def shows(self, run: Run) -> bool:
        """Tell whether the view is in the report of the run."""
        return not self.needs or not run.measured.isdisjoint(self.needs)

    def table(self, run: Run) -> Table | None:
        """Return the table, None where there is nothing to show."""
        return None

    def figure(self, run: Run) -> Figure | None:
        """Return the figure, None where there is nothing to show."""
        return None

    def pairs(self, run: Run) -> Iterable[Pair]:
        """Return the pairs that `findings` may compare: `claims.differences` corrects for all of them."""
        return ()

    def findings(self, run: Run) -> Iterable[Finding]:
        """Return what the results say; nothing where they do not say.

        A sentence that says that one mechanism differs from another on a task comes from `claims.differences`.
        """
        return ()

    def columns(self, run: Run) -> Iterable[Column]:
        """Return what the view adds to the ranked table: columns whose rows are indexed by the mechanism's label."""
        return ()


def shown(run: Run) -> dict[str, View]:
    """Return the views that have something of the run to show, by name, in the order of a report."""
    views = {entry.name: entry.value() for entry in VIEWS.entries() if entry.name not in run.left_out}
    ordered = sorted(views, key=lambda name: (views[name].order, name))
    return {name: views[name] for name in ordered if views[name].shows(run)}


VIEWS: Registry[View] = Registry(
    "view", "results.views", properties=("title",), checks="results.conformance.view", of_files=True
)


def listed(items: Iterable[str]) -> str:
    """Return "a, b and c"."""
    names = list(items)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def span(low: float, high: float, digits: int = 2) -> str:
    """Return "1.05 to 1.18", or one number where both read the same."""
    first, second = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return first if first == second else f"{first} to {second}"
