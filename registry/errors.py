"""Errors in what a user gives, each one sentence, with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn


class UserError(Exception):
    """An error in what the user gave. The command line shows its sentence only, and exits with code 1."""


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest choice, or a list of the choices where none is close."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""


def moved(module: str, names: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """Return the `__getattr__` of a package from which `names` have moved, each with its new dotted path.

    To import such a name raises ImportError with one sentence. An AttributeError would lose it: Python replaces that by
    its own "cannot import name".
    """

    def missing(name: str) -> NoReturn:
        if name in names:
            place, _, new = names[name].rpartition(".")
            raise ImportError(f"{module}.{name} is {names[name]} now: write 'from {place} import {new}'", name=module)
        raise AttributeError(f"module '{module}' has no attribute '{name}'")

    return missing
