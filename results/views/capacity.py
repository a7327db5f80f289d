from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.ladders import rungs
from ..analysis.run import Run
from ..store.formats import digits, short
from .by_length import BANDS
from .claims import number_of_seeds
from .figure import Axis, Lines, panels_of
from .table import Column, Table
from .view import VIEWS, Finding, View

KEY = ["ladder", "setting", "mechanism", "rung"]
MEANS = (
    "The information recovered is by how much the network's cross-entropy, summed over an example's answers, is below "
    "that of the best predictor that has not read the source; the information asked is the same with a perfect reader. "
    "It is what was recovered within the budget of training, and no limit of the mechanism."
)
CAPTION = (
    "The capacity curve: bits an example recovered from the source against the bits asked. The dotted diagonal is a "
    f"perfect reader. {MEANS} {BANDS}"
)


@VIEWS.register("capacity")
class CapacityView(View):
    """The information recovered against the information asked, where a task asks for more and more of it."""

    title = "Capacity"
    needs = ("bits", "bits_asked", "bytes_kept")
    order = 11

    def shows(self, run: Run) -> bool:
        return not recovered(run).empty

    def table(self, run: Run) -> Table | None:
        rows = recovered(run)
        columns = [
            Column.of("task", rows, "ladder"),
            Column.of("mechanism", rows, "mechanism"),
            Column.of("value", rows, "rung", short),
            Column.of("bits asked", rows, "asked", digits(1)),
            Column.of("bits recovered", rows, "value", digits(1), low="low", high="high"),
            Column.of("decoding state (bytes)", rows, "bytes", digits(0)),
        ]
        caption = (
            f"Bits an example at each value of the setting that grows. {MEANS} In brackets the interval over seeds."
        )
        return Table(caption, columns, rows)

    def figure(self, run: Run) -> Lines | None:
        x = Axis("asked", "information asked (bits an example)")
        y = Axis("value", "information recovered (bits)")
        return capacity_lines(run, recovered(run), CAPTION, x, y, diagonal=True)

    def findings(self, run: Run) -> Iterator[Finding]:
        data = recovered(run)
        for ladder, rows in data.groupby("ladder", sort=False):
            most = rows[rows["rung"] == rows["rung"].max()].sort_values("value", ascending=False, kind="stable")
            # A whole number, since -0.2 would read -0.
            parts = ", ".join(f"{round(row.value)} by {row.mechanism}" for row in most.itertuples())
            asked = f"{most['asked'].iloc[0]:.0f} bits"
            yield Finding(
                f"{ladder}: of {asked} that an example asks for at {most['rung'].iloc[0]:g}, the means over "
                f"{number_of_seeds(run)} recovered are {parts}.",
                95,
            )


def recovered(run: Run) -> pd.DataFrame:
    """Return KEY, value (bits recovered), low, high, seeds, asked and bytes, of ladders that ask for growing bits."""
    found = rungs(run, "bits")
    for quantity, name in (("bits_asked", "asked"), ("bytes_kept", "bytes")):
        means = rungs(run, quantity)[[*KEY, "value"]].rename(columns={"value": name})
        found = found.merge(means, on=KEY, how="left")
    # Bits that depend on the examples differ a little even where the setting changes nothing.
    grows = found.groupby("ladder")["asked"].transform(lambda asked: asked.max() > 1.1 * asked.min()).astype(bool)
    order = {ladder: place for place, ladder in enumerate(run.tasks)}
    found = found[grows & found["asked"].notna()]
    return found.sort_values(
        KEY, key=lambda column: column.map(order) if column.name == "ladder" else column, ignore_index=True
    )


def capacity_lines(
    run: Run, data: pd.DataFrame, caption: str, x: Axis, y: Axis, *, diagonal: bool = False
) -> Lines | None:
    if data.empty:
        return None
    panels = panels_of(run.tasks, data, "ladder")
    return Lines(caption, data, x, y, panels, panel="ladder", markers=True, together=True, diagonal=diagonal)
