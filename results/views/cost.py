"""Floating-point operations, parameters and the state carried while decoding."""

from __future__ import annotations

import pandas as pd

from ..analysis.records import records
from ..analysis.run import Results
from ..store.formats import ABSENT, count, short
from .view import Table

COSTS = {
    "flops_counted": "operations/token, counted",
    "flops_analytic": "operations/token, by formula",
    "state": "decoding state (bytes)",
}


def table(results: Results) -> Table:
    rows = results.frame[(results.frame["probe"] == "cost") & results.frame["length"].notna()]
    numbers = rows.groupby(["mechanism", "quantity", "length"], sort=False)["value"].median().reset_index()
    sizes = results.frame[(results.frame["quantity"] == "parameters") & results.frame["task"].isna()]
    parameters = sizes.groupby("mechanism")["value"].median()
    found = []
    for (mechanism, quantity), group in numbers.groupby(["mechanism", "quantity"], sort=False):
        values = {f"at {row['length']}": short(row["value"]) for row in records(group)}
        named = {"mechanism": mechanism, "parameters": count(parameters.get(mechanism, float("nan")))}
        found.append({**named, "quantity": COSTS.get(str(quantity), quantity), **values})
    lengths = sorted({int(length) for length in numbers["length"]})
    columns = ["mechanism", "parameters", "quantity", *(f"at {length}" for length in lengths)]
    reading = (
        "What one forward of each length costs, half of it source and half queries; embeddings and readout are neither "
        "in that nor in the parameters. "
        "Operations are those of matrix products and convolutions, a multiplication and an addition counting as two: "
        "counted by torch, and from the formula where the model gives one. The decoding state is what is carried for "
        "one sequence behind so many positions."
    )
    return Table("cost", "Operations and state", reading, pd.DataFrame(found, columns=columns).fillna(ABSENT), numbers)
