from __future__ import annotations

import numpy as np
import pytest

from results.analysis.multiple import holm


@pytest.mark.parametrize(
    ("probabilities", "rejected"),
    [
        # 0.01 <= 0.05 / 4 and 0.015 <= 0.05 / 3, but 0.03 > 0.05 / 2: the last two fall together.
        ([0.01, 0.04, 0.03, 0.015], [True, False, False, True]),
        ([0.04, 0.01, 0.03, 0.015], [False, True, False, True]),
        ([], []),
    ],
)
def test_holm_by_hand(probabilities: list[float], rejected: list[bool]) -> None:
    assert holm(np.array(probabilities)).tolist() == rejected
