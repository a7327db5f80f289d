"""Limits of processor time are never above those that the system has set."""

import math
import resource

import pytest

from runner.execution.engines.local import limits

NONE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        (1260.0, (NONE, NONE), (1260, 1320)),
        # An ordinary user with `ulimit -t 100`: the signal that says what has happened comes before the end.
        (1260.0, (100, 100), (99, 100)),
        (60.0, (100, 100), (60, 100)),
        (60.0, (50, 100), (50, 100)),
        (60.0, (50, NONE), (50, 110)),
        (1260.0, (1, 1), (1, 1)),
        (math.inf, (NONE, NONE), None),
        (9.2e18, (NONE, NONE), None),
        (math.inf, (100, NONE), (100, 160)),
    ],
)
def test_the_limit_of_processor_time(monkeypatch, wanted, before, after):
    found = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: before)
    monkeypatch.setattr(resource, "setrlimit", lambda which, values: found.append(values))
    limits.limit_processor_time(wanted)
    assert found == ([after] if after else [])
