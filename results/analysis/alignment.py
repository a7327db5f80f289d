"""Alignment quality of the heads of each trial, and which head is the best."""

from __future__ import annotations

import pandas as pd

ERROR_RATE = "alignment_error_rate"
OF_HEADS = (
    ERROR_RATE,
    "permuted_error_rate",
    "alignment_precision",
    "permuted_precision",
    "alignment_mass",
    "permuted_mass",
    "attention_entropy",
    "gradient_agreement",
    "leave_one_out_agreement",
)
LOWEST = "lowest_error_rate"
TRIAL = ["trial", "mechanism", "task", "seed"]
HEAD = ["layer", "head"]


def heads(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a head of each trial that ended well, with a column for each of OF_HEADS that was measured."""
    rows = frame.reindex(columns=list(dict.fromkeys([*frame.columns, *HEAD])))
    rows = rows[rows["quantity"].isin(OF_HEADS) & (rows["outcome"] == "ok") & (rows["stage"] == "test")]
    rows = rows[(rows["length"] == rows["trained_length"]).fillna(False)]
    # A probe of somebody else may measure no layers: all is then one head.
    rows = rows.assign(**{name: pd.to_numeric(rows[name]).fillna(0).astype(int) for name in HEAD})
    table = rows.pivot_table(index=[*TRIAL, *HEAD], columns="quantity", values="value", sort=False)
    return table.reset_index().rename_axis(columns=None).sort_values([*TRIAL, *HEAD], ignore_index=True)


def best_heads(table: pd.DataFrame) -> pd.DataFrame:
    """Return the row of the head with the lowest error rate of each trial; the first of equal ones."""
    known = table.dropna(subset=[ERROR_RATE])
    return known.loc[known.groupby("trial", sort=False)[ERROR_RATE].idxmin()].reset_index(drop=True)


def summarised(table: pd.DataFrame) -> pd.DataFrame:
    """Return the quantities of the best head of each trial and their means over its heads, one row each.

    Columns: those of TRIAL, `of` ("best head" or "mean over heads"), quantity, value.
    """
    measured = [name for name in OF_HEADS if name in table]
    both = {
        "best head": best_heads(table)[[*TRIAL, *measured]],
        "mean over heads": table.groupby(TRIAL, sort=False)[measured].mean().reset_index(),
    }
    parts = [rows.melt([*TRIAL], var_name="quantity").assign(of=name) for name, rows in both.items()]
    return pd.concat(parts, ignore_index=True).dropna(subset=["value"])
