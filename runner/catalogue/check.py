"""Checks that what is registered under a name fulfils its contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from registry import Entry, Result

from ..isolation import ApartError, each_apart
from ..plugins import REGISTRIES, find

SECONDS = 300.0  # for each check of a plug-in: some of them train a network or compile it


def check_name(console: Console, name: str) -> bool:
    """Run the checks of everything called `name`, print each result, and return whether all passed."""
    passed = True
    for kind, entry in find(name):
        console.print(f"[bold]{kind} {escape(name)}[/]", highlight=False)
        for result in _results(kind, entry):
            passed &= result.passed
            _show(console, result)
    console.print("All checks passed." if passed else "Some checks failed; see above.", highlight=False)
    return passed


def _results(kind: str, entry: Entry[Any]) -> Iterator[Result]:
    """Yield the results of all checks. A plug-in is checked in a process of its own, which may take harm from it."""
    check = REGISTRIES[kind].check
    if not entry.origin.is_plugin:
        yield from check(entry.value)
        return
    try:
        for found in each_apart(lambda: map(asdict, check(entry.value)), SECONDS, about=f"{kind} {entry.name}"):
            yield Result(**found)
    except ApartError as error:
        yield Result("the checks that follow", False, f"their process gave no results: {error}")


def _show(console: Console, result: Result) -> None:
    mark = "[green]ok  [/]" if result.passed else "[red]FAIL[/]" if result.judged else "[yellow]?   [/]"
    console.print(f"  {mark} {escape(result.check.replace('_', ' '))}", highlight=False)
    if result.message:
        console.print(f"       {escape(result.message)}", highlight=False, soft_wrap=True)
