"""Everything that comes with the project is compared in the tests with something that does not use its code.

Such a test is marked `@pytest.mark.reference(kind, name, ...)`. It has a formula in loops, torch's own module, a solver
in plain Python, or a result by hand.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from functools import cache
from importlib import import_module

import pytest

from runner.plugins import REGISTRIES
from tests.runner.conftest import ROOT


@cache
def referenced() -> dict[str, set[str]]:
    """Return the names in the marks of all tests, by kind."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for _, function in inspect.getmembers(module, inspect.isfunction):
            for mark in getattr(function, "pytestmark", []):
                if mark.name == "reference":
                    kind, *names = mark.args
                    found[kind] |= set(names)
    return found


@pytest.mark.parametrize("kind", list(REGISTRIES))
def test_everything_built_in_has_a_reference(kind: str) -> None:
    built_in = {entry.name for entry in REGISTRIES[kind].entries() if not entry.origin.is_plugin}
    missing = built_in - referenced()[kind]
    assert not missing, f"no test is marked @pytest.mark.reference('{kind}', ...) with {', '.join(sorted(missing))}"
    assert referenced()[kind] == built_in, "a mark names what is not registered"
    assert not REGISTRIES[kind].unavailable
