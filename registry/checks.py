"""Checks of registered classes: their shape, which is the same for every kind, and the function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], str | None]
"""Takes a class and raises CheckError if the class is wrong. It may return what it found out, as a sentence."""

Isolation: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Makes the context in which one check runs, such as one that seeds the random generators and restores them."""


class CheckError(Exception):
    """The class fails a check. The message says what was expected, what was found, and the likely mistake."""


@dataclass(frozen=True)
class Result:
    """The result of one check. `message` says what is wrong, what a passed check found out, or why it is not judged."""

    check: str
    passed: bool
    message: str = ""
    judged: bool = True
    """False if another check, without which this one says nothing, has not passed; then `passed` is False too."""


def only_if(declares: Callable[[Any], bool]) -> Callable[[Check], Check]:
    """Decorate a check that is run only on classes for which `declares` is true."""

    def decorate(check: Check) -> Check:
        check.declares = declares  # type: ignore[attr-defined]
        return check

    return decorate


def only_after(first: Check, *checks: Check) -> Sequence[Check]:
    """Return the checks, marked as those that are judged only if `first` has passed; it stands before them."""
    for check in checks:
        check.first = first  # type: ignore[attr-defined]
    return checks


def applies(check: Check, value: type) -> bool:
    """Return whether a check is run on this class."""
    declares: Callable[[Any], bool] | None = getattr(check, "declares", None)
    return declares is None or declares(value)


def run_check(check: Check, value: Any, isolated: Isolation = nullcontext) -> Result:
    """Run one check. What it raises becomes a result that has not passed."""
    with isolated():
        try:
            return Result(check.__name__, True, check(value) or "")
        except CheckError as failure:
            return Result(check.__name__, False, str(failure))
        except Exception as error:
            return Result(check.__name__, False, f"it raised {type(error).__name__}: {error}")


def run_checks(checks: Sequence[Check], value: type, isolated: Isolation = nullcontext) -> Iterator[Result]:
    """Yield the result of each check that applies to a class. The first constructs it; if that fails, no other runs."""
    failed: list[Check] = []
    for place, check in enumerate(checks):
        if place and not applies(check, value):
            continue
        first: Check | None = getattr(check, "first", None)
        if first is not None and first in failed:
            words = first.__name__.replace("_", " ")
            yield Result(check.__name__, False, f"not judged, because the check '{words}' failed", judged=False)
            failed.append(check)  # so that what needs this check is not judged either
            continue
        result = run_check(check, value, isolated)
        yield result
        if not result.passed:
            failed.append(check)
            if place == 0:
                return
