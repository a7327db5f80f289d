"""Many hypotheses tested at once, as all the comparisons that a report may print."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .intervals import Floats

ERROR = 0.05


def holm(probabilities: Floats, error: float = ERROR) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected, so that the probability to reject any true one is at most `error`.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    count = probabilities.size
    order = np.argsort(probabilities, kind="stable")
    small = probabilities[order] <= error / (count - np.arange(count))
    rejected = np.zeros(count, dtype=bool)
    rejected[order] = np.logical_and.accumulate(small)
    return rejected
