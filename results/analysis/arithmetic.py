"""How fast a mechanism calculates, beside a product of two matrices.

Within a round, the floating-point operations per second of prefill are (tokens per second) · (operations per token that
were counted), and the share is this divided by the operations per second of the product that was timed in the same
trial. So what slows down a whole trial cancels.
"""

from __future__ import annotations

import pandas as pd

from .intervals import over_seeds

PRODUCT, COUNTED, TIMED = "matmul", "flops_prefill", "prefill"
KEY = ["mechanism", "length"]


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, length, value (the mean share over the rounds), low, high and seeds (how many rounds)."""
    found = frame[frame["value"] > 0]
    product = found[found["quantity"] == PRODUCT].groupby("trial")["value"].median()
    counted = found[found["quantity"] == COUNTED].groupby(KEY)["value"].median().rename("counted")
    timed = found[found["quantity"] == TIMED].join(counted, on=KEY)
    share = timed["value"] * timed["counted"] / timed["trial"].map(product)
    return over_seeds(timed.assign(value=share.astype(float)).dropna(subset=["value"]), KEY)
