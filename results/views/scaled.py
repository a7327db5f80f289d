"""What the views of speed and memory share: tables and lines over lengths, with exponents or as means over rounds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..analysis.run import Run
from ..analysis.scaling import exponents, speeds
from ..store.formats import Form, digits, number, short
from .figure import Axis, Lines
from .table import Column, Table

PATHS = (
    " A Transformer computes a score that is no inner product (additive, concat) for all queries at once while batch x "
    "queries x keys x width is small, and beyond that for one block of queries at a time, and again in the backward "
    "pass. Its line bends at that length (docs/measurements.md says at which), so that an exponent over both sides is "
    "that of neither."
)
MOVED = {True: "other session", False: ""}
"""What stands behind a speed that was brought from another session."""


def scaled_table(run: Run, quantities: Sequence[str], caption: str) -> Table | None:
    """Return a row for each mechanism and quantity: the value at each length, and the exponent."""
    rows, slopes = speeds(run, quantities), exponents(run, quantities)
    if rows.empty:
        return None
    key = ["mechanism", "quantity"]
    index = slopes[[*key, "exponent", "low", "high"]]
    heading = index["quantity"].map(lambda name: run.quantities[name].heading)
    columns = [
        Column.of("mechanism", index, "mechanism"),
        Column.of("quantity", index.assign(quantity=heading), "quantity"),
    ]
    for length in sorted(set(rows["length"])):
        at = index[key].merge(rows[rows["length"] == length], on=key, how="left")
        at["words"] = at["moved"].map(MOVED).fillna("")
        columns.append(Column.of(f"at {length}", at, "value", short, words="words"))
    columns.append(Column.of("exponent", index, "exponent", digits(2), low="low", high="high"))
    numbers = rows.merge(index.rename(columns={"low": "exponent_low", "high": "exponent_high"}), on=key, how="left")
    return Table(caption, columns, numbers)


def measured(data: pd.DataFrame, quantities: Sequence[str]) -> list[str]:
    """Return the quantities that the data has, in the order given."""
    return [name for name in quantities if (data["quantity"] == name).any()]


def scaled_lines(run: Run, data: pd.DataFrame, names: Sequence[str], caption: str, label: str, legend: str) -> Lines:
    """Return the lines of `data` over the length, both logarithmic: a row a quantity, with exponents in the legend."""
    return Lines(
        caption,
        data,
        Axis("length", "length (positions)", log=True),
        Axis("value", label, log=True),
        {name: run.quantities[name].title for name in names},
        panel="quantity",
        markers=True,
        notes=_exponents(run, names),
        legend_title=legend,
    )


def _exponents(run: Run, quantities: Sequence[str]) -> dict[str, str]:
    """Return the exponents of each mechanism as a legend shows them."""
    fitted = exponents(run, quantities).set_index(["mechanism", "quantity"])["exponent"]
    rows = speeds(run, quantities)
    elsewhere = set(rows.loc[rows["moved"], "mechanism"])
    return {
        name: "   "
        + " / ".join(number(fitted.get((name, quantity), float("nan"))) for quantity in quantities)
        + (f" ({MOVED[True]})" if name in elsewhere else "")
        for name in run.mechanisms
    }


def means_table(caption: str, means: pd.DataFrame, form: Form, cores: pd.Series[float] | None = None) -> Table | None:
    """Return a row for each mechanism: the mean at each length with its interval, and the number of cores."""
    if means.empty:
        return None
    index = means[["mechanism"]].drop_duplicates(ignore_index=True)
    columns = [Column.of("mechanism", index, "mechanism")]
    for length in sorted(set(means["length"])):
        at = index.merge(means[means["length"] == length], on="mechanism", how="left")
        columns.append(Column.of(f"at {length}", at, "value", form, low="low", high="high"))
    if cores is not None:
        columns.append(Column.of("cores", index.join(cores, on="mechanism"), "cores", digits(0)))
    return Table(caption, columns, means)


def means_lines(caption: str, means: pd.DataFrame, label: str, *, log: bool = False) -> Lines | None:
    """Return the means against the length, which is logarithmic, in one panel; with `log` they are logarithmic too."""
    if means.empty:
        return None
    x, y = Axis("length", "length (positions)", log=True), Axis("value", label, log=log)
    data = means.sort_values(["mechanism", "length"], ignore_index=True).assign(quantity="mean")
    return Lines(caption, data, x, y, {"mean": ""}, panel="quantity", markers=True)
