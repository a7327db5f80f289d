"""What the views of throughput and memory share: a table over lengths with exponents, and exponents in legends."""

from __future__ import annotations

from collections.abc import Sequence

from ..analysis.run import Run
from ..analysis.scaling import exponents, speeds
from ..store.formats import digits, number, short
from .table import Column, Table


def scaled_table(run: Run, quantities: Sequence[str], caption: str) -> Table | None:
    """Return a row for each mechanism and quantity: the value at each length, and the exponent."""
    rows, slopes = speeds(run.frame, quantities), exponents(run.frame, quantities)
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
        columns.append(Column.of(f"at {length}", at, "value", short))
    columns.append(Column.of("exponent", index, "exponent", digits(2), low="low", high="high"))
    numbers = rows.merge(index.rename(columns={"low": "exponent_low", "high": "exponent_high"}), on=key, how="left")
    return Table(caption, columns, numbers)


def exponent_notes(run: Run, quantities: Sequence[str]) -> dict[str, str]:
    """Return the exponents of each mechanism as a legend shows them."""
    fitted = exponents(run.frame, quantities).set_index(["mechanism", "quantity"])["exponent"]
    return {
        name: "   " + " / ".join(number(fitted.get((name, quantity), float("nan"))) for quantity in quantities)
        for name in run.mechanisms
    }
