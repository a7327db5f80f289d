"""Runs the code of plug-ins where it does no harm: in a process of its own, or in this one with its state set back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch

from registry.errors import sentence, shorten
from registry.isolation import SECONDS, Apart, ApartError

from .process_state import unchanged

__all__ = ["ApartError", "apart", "each_apart", "note", "survived", "tried", "unchanged", "why"]

T = TypeVar("T")
MOST_PRINTED = 500  # characters of what was printed, in a note


def apart(call: Callable[[], T], seconds: float = SECONDS) -> T:
    """Return what `call` returns in a process of its own, see registry.isolation. Raises ApartError."""
    (found,) = each_apart(lambda: [call()], seconds)
    return found


def each_apart(produce: Callable[[], Iterable[T]], seconds: float = SECONDS, about: str = "") -> Iterator[T]:
    """Yield what `produce` yields in a process of its own. With `about`, a note says what it prints."""

    def on_one_thread() -> Iterable[T]:
        # The other threads of torch exist in this process only: the copy would wait for them for ever.
        torch.set_num_threads(1)
        yield from produce()

    process = Apart(seconds)
    try:
        yield from process.each(on_one_thread)
    finally:
        if about and process.printed.strip():
            note(f"{about} printed: {shorten(' '.join(process.printed.split()), MOST_PRINTED)}")


def tried(call: Callable[[], T]) -> T:
    """Return what `call` returns in this process, after it was called in one of its own.

    Raises what `call` raises, or ApartError if it does harm to its process.
    """
    survived(call)
    with unchanged():
        return call()


def survived(call: Callable[[], object]) -> None:
    """Raise ApartError if `call` does harm to the process of its own in which it is called; an exception is none."""

    def quiet() -> None:
        with contextlib.suppress(Exception):
            call()

    apart(quiet)


def why(error: BaseException) -> str:
    """Return an error of a plug-in as a sentence."""
    return str(error) if isinstance(error, ApartError) else sentence(error)


def note(text: str) -> None:
    """Write one line to the standard error, because the standard output is for what was asked for."""
    print(f"note: {text.encode(errors='backslashreplace').decode()}", file=sys.stderr)
