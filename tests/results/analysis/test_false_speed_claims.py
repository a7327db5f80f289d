"""A small part of benchmarks/false_speed_claims.py; the whole of it takes minutes."""

from __future__ import annotations

import pytest

from benchmarks.false_speed_claims import NOISES, PLUGIN, share


@pytest.mark.parametrize("noise", ["normal, 30 %", "one timing in ten takes twice as long"])
def test_reports_on_mechanisms_of_the_same_speed_claim_nothing(noise: str) -> None:
    # 3 of 12 or more has a probability of 0.002 where 5 % of reports claim a difference.
    assert share(12, NOISES[noise]) < 3 / 12


def test_a_slower_kernel_is_found_where_timings_are_steady() -> None:
    assert share(8, NOISES["normal, 3 %"], 1.4, "times as long") > 0.5


@pytest.mark.parametrize(("noise", "rounds"), [("normal, 3 %", 6), ("normal, 5 %", 10)])
def test_a_kernel_that_is_30_percent_slower_is_named(noise: str, rounds: int) -> None:
    # 8 of 12 or fewer has a probability of 0.2 where 80 % of reports name it, and of 0.01 where 92 % do.
    assert share(12, NOISES[noise], 1.3, "times as long", rounds) > 8 / 12


def test_a_plug_in_is_named_that_is_slower_or_faster_than_what_it_can_replace() -> None:
    assert share(8, NOISES["normal, 3 %"], 1.4, f"of {PLUGIN} is slower than one of lstm (1.4", 6, PLUGIN) > 0.3
    faster = f"A training step of {PLUGIN} is faster than one of lstm"
    assert share(8, NOISES["normal, 3 %"], 1 / 1.4, faster, 6, PLUGIN) > 0.5
