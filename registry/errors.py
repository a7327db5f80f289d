"""Errors in what a user gives, each one sentence, with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NoReturn

from .names import visible


class UserError(Exception):
    """An error in what the user gave. The command line shows its sentence only, and exits with code 1."""


LONGEST = 60
"""The most characters of a value in a message."""

DEEPEST, MOST_MEMBERS = 3, 8  # what is shown of nested lists and mappings


def written(value: object) -> str:
    """Return a value as a suite file writes it, such as true, null or {alignment: 'dot'}; a long one is shortened."""
    return _cut(_written(value, DEEPEST), LONGEST)


def _written(value: object, deepest: int) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, str):
        return repr(_cut(value, LONGEST - 2))
    if not isinstance(value, Mapping | list | tuple):
        return repr(value)
    if deepest == 0:
        return "{…}" if isinstance(value, Mapping) else "[…]"
    shown = ["…"] if len(value) > MOST_MEMBERS else []
    if isinstance(value, Mapping):
        parts = [(_key(key), _written(each, deepest - 1)) for key, each in islice(value.items(), MOST_MEMBERS)]
        return f"{{{', '.join([f'{key}: {each}' for key, each in parts] + shown)}}}"
    return f"[{', '.join([_written(each, deepest - 1) for each in value[:MOST_MEMBERS]] + shown)}]"


def _key(key: object) -> str:
    return key if isinstance(key, str) and key.isidentifier() else _written(key, 0)


def shorten(text: object, longest: int = 200) -> str:
    """Return a text, such as a path, as one line, with what is beyond `longest` characters left out."""
    return _cut(visible(str(text)), longest)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest choice, or a list of the choices where none is close."""
    known = sorted(set(choices))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""


def sentence(error: BaseException) -> str:
    """Return the type and the message of an exception, in one line, whatever its class does when it is asked."""
    try:
        text = shorten(" ".join(str(error).split()), 500)
    except BaseException:
        text = "its message cannot be shown"
    name = type(error).__name__ if isinstance(error, Exception) else f"it raised {type(error).__name__}"
    return f"{name}: {text}" if text else name


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
