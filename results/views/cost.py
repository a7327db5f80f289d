from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.run import Run
from ..store.formats import count, short
from .table import Column, Table
from .view import VIEWS, View

OPERATIONS = ("flops_counted", "flops_analytic")
CAPTION = (
    "The cost of one forward pass at each length, half of it source and half queries; neither it nor the parameters "
    "contain embedding and readout. Operations are those of matrix products and convolutions, where a multiplication "
    "and an addition count as two: counted by torch, and from the formula where the model gives one. The decoding "
    "state is what is kept for one sequence after so many positions."
)


@VIEWS.register("cost")
class CostView(View):
    """Operations, parameters and the decoding state."""

    title = "Operations and state"
    needs = (*OPERATIONS, "parameters")
    order = 90

    def table(self, run: Run) -> Table | None:
        if run.measured.isdisjoint(OPERATIONS):
            return None
        rows = run.frame[run.frame["quantity"].isin((*OPERATIONS, "state")) & run.frame["length"].notna()]
        key = ["mechanism", "quantity"]
        numbers = rows.groupby([*key, "length"], sort=False)["value"].median().reset_index()
        index = numbers[key].drop_duplicates(ignore_index=True)
        parameters = index["mechanism"].map(_sizes(run, of_networks=False))
        heading = index["quantity"].map(lambda name: run.quantities[name].heading)
        shown = index.assign(parameters=parameters, quantity=heading)
        columns = [
            Column.of("mechanism", shown, "mechanism"),
            Column.of("parameters", shown, "parameters", count),
            Column.of("quantity", shown, "quantity"),
        ]
        for length in sorted(set(numbers["length"])):
            at = index.merge(numbers[numbers["length"] == length], on=key, how="left")
            columns.append(Column.of(f"at {length}", at, "value", short))
        return Table(CAPTION, columns, numbers)

    def columns(self, run: Run) -> Iterator[Column]:
        sizes = _sizes(run, of_networks=True).combine_first(_sizes(run, of_networks=False))
        yield Column.of("parameters", sizes.to_frame("value"), "value", count, 1)


def _sizes(run: Run, *, of_networks: bool) -> pd.Series[float]:
    """Return the parameters by mechanism: of trained networks (the median over tasks), or of mechanisms alone."""
    sizes = run.frame[run.frame["quantity"] == "parameters"]
    return sizes[sizes["task"].notna() == of_networks].groupby("mechanism")["value"].median()
