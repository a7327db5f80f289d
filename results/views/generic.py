from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from registry import Quantity

from ..analysis.intervals import over_seeds
from ..analysis.run import Run
from ..store.formats import digits, is_absent
from .figure import Axis, Lines
from .table import Column, Table
from .view import VIEWS, View

CAPTION = "The mean over seeds, with its interval where there are five seeds or more, else from lowest to highest seed."


@VIEWS.register("generic")
class GenericView(View):
    """The quantities that no other view shows, such as those of a plug-in's probe."""

    title = "Other quantities"
    order = 200

    def shows(self, run: Run) -> bool:
        return bool(_shown(run))

    def table(self, run: Run) -> Table | None:
        shown = _shown(run)
        numbers = _means(run, shown, _columns(run, [name for each in shown for name in each.over]))
        if numbers.empty:
            return None
        heading = numbers["quantity"].map(lambda name: run.quantities[name].heading)
        facts = numbers.drop(columns=["value", "low", "high", "seeds"]).assign(quantity=heading)
        texts = facts.dropna(axis=1, how="all").map(lambda value: "" if is_absent(value) else str(value))
        columns = [Column.of(name, texts, name) for name in map(str, texts)]
        columns.append(Column.of("value", numbers, "value", digits(3), low="low", high="high"))
        return Table(CAPTION, columns, numbers)

    def figure(self, run: Run) -> Lines | None:
        shown = [each for each in _shown(run) if _columns(run, each.over[:1])]
        if not shown:
            return None
        rows = pd.concat([_points(run, each) for each in shown])
        rows = rows.assign(at=pd.to_numeric(rows["at"], errors="coerce")).dropna(subset=["at"])
        if rows.empty:
            return None
        panels = dict(zip(rows["panel"], rows["title"], strict=True))
        data = rows.drop(columns="title").sort_values(["panel", "mechanism", "at"], ignore_index=True)
        x = Axis("at", " or ".join(dict.fromkeys(each.over[0] for each in shown)))
        return Lines(CAPTION, data, x, Axis("value", "value"), panels, panel="panel", markers=True)


def _points(run: Run, quantity: Quantity) -> pd.DataFrame:
    """Return the means of a quantity over its first coordinate, `at`, with the panel of each and its title."""
    (name,) = _columns(run, quantity.over[:1])
    rows = _means(run, [quantity], [name]).rename(columns={name: "at"})
    where = [", ".join(str(v) for v in place if not is_absent(v)) for place in rows[["task", "stage"]].to_numpy()]
    titles = [f"{quantity.heading}: {place}" if place else quantity.heading for place in where]
    return rows.assign(panel=[f"{quantity.name} {place}" for place in where], title=titles)


def _shown(run: Run) -> list[Quantity]:
    """Return the measured quantities that no other view needs."""
    needed = {name for entry in VIEWS.entries() for name in entry.value.needs}
    return [each for name, each in run.quantities.items() if name in run.measured and name not in needed]


def _columns(run: Run, coordinates: Sequence[str]) -> list[str]:
    """Return the columns of the coordinates that the run has; one whose name was taken has "at." before it."""
    columns = (f"at.{name}" if f"at.{name}" in run.frame else name for name in coordinates)
    return [name for name in dict.fromkeys(columns) if name in run.frame]


def _means(run: Run, quantities: Sequence[Quantity], coordinates: Sequence[str]) -> pd.DataFrame:
    """Return quantity, mechanism, task, stage, the coordinates, value, low, high and seeds."""
    rows = run.frame[run.frame["quantity"].isin([each.name for each in quantities])]
    return over_seeds(rows.dropna(subset=["value"]), ["quantity", "mechanism", "task", "stage", *coordinates])
