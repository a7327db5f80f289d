"""What the tests of the checks share, for every kind."""

from __future__ import annotations

from collections.abc import Iterable

from mechanisms.conformance.expect import seeded
from registry import Registry, Result
from registry.checks import run_check


def failures(registry: Registry, value: type) -> dict[str, str]:
    """Return what the checks that fail say, by check; those that are not judged do not count."""
    return {result.check: result.message for result in registry.check(value) if result.judged and not result.passed}


def result_of(registry: Registry, value: type, check: str) -> Result:
    """Return the result of one check: all of them together take a second or more."""
    (found,) = [each for each in registry.checks() if each.__name__ == check]
    return run_check(found, value, seeded)


def message(registry: Registry, value: type, check: str) -> str:
    """Return what one check says of a class with a fault; "it passed" if it does not find the fault."""
    result = result_of(registry, value, check)
    return "it passed" if result.passed else result.message


def checks_without_fault(registry: Registry, checks: Iterable[str]) -> set[str]:
    """Return the checks of a kind that no fault in the tests is found by."""
    return {check.__name__ for check in registry.checks()} - set(checks)
