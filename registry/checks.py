"""A check of a registered class, and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any], None]
"""Takes a class, and raises CheckError where it does not hold."""


@dataclass(frozen=True)
class Result:
    check: str
    passed: bool
    message: str = ""


class CheckError(Exception):
    """A check does not hold; its message says what was expected, what came, and the likely mistake."""
