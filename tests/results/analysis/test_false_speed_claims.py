"""A small part of benchmarks/false_speed_claims.py; the whole of it takes minutes."""

from __future__ import annotations

import pytest

from benchmarks.false_speed_claims import NOISES, share


@pytest.mark.parametrize("noise", ["normal, 30 %", "one timing in ten takes twice as long"])
def test_reports_on_mechanisms_of_the_same_speed_claim_nothing(noise: str) -> None:
    # 3 of 12 or more has a probability of 0.002 where 5 % of reports claim a difference.
    assert share(12, NOISES[noise]) < 3 / 12


def test_a_slower_kernel_is_found_where_timings_are_steady() -> None:
    assert share(8, NOISES["normal, 3 %"], 1.4, "times as long") > 0.5
