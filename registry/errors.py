"""What a person did wrong, in one sentence, and the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What a person can mend: shown as one sentence with exit code 1, never as a stack trace."""


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest choice, or a list of the choices where none is close."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""
