from __future__ import annotations

import math

from results.store.formats import count, number, short, spread


def test_formats() -> None:
    assert number(-0.001) == "0.00"
    assert number(math.nan) == "–"
    assert spread(0.5, 0.4, 0.6) == "0.50 [0.40, 0.60]"
    assert spread(0.5, math.nan, math.nan) == "0.50"
    assert [short(value) for value in (0, 0.5, 12.34, 999.6, 45_123, 1.2e6)] == [
        "0",
        "0.5",
        "12.3",
        "1k",
        "45.1k",
        "1.2M",
    ]
    assert count(1234567) == "1,234,567"
