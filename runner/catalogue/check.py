"""Checks that what is registered under a name keeps its contract."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from mechanisms.conformance import check_entry
from registry import UserError
from tasks.conformance.checks import check_task

from ..plugins import find


def check_name(console: Console, name: str) -> bool:
    """Run the checks of everything called `name`, print each, and return whether all passed."""
    passed = True
    for kind, entry in find(name):
        if kind == "probe":
            raise UserError(f"'{name}' is a probe, and there are no checks for probes")
        console.print(f"[bold]{kind} {escape(name)}[/]", highlight=False)
        for check, problem in _results(kind, entry.value):
            passed &= problem is None
            mark = "[green]ok  [/]" if problem is None else "[red]FAIL[/]"
            console.print(f"  {mark} {escape(check.replace('_', ' '))}", highlight=False)
            if problem is not None:
                console.print(f"       {escape(problem)}", highlight=False, soft_wrap=True)
    console.print("All checks passed." if passed else "Some checks failed; see above.", highlight=False)
    return passed


def _results(kind: str, value: type) -> Iterator[tuple[str, str | None]]:
    if kind == "task":
        yield from check_task(value)
    else:
        for result in check_entry(kind, value):
            yield result.check, None if result.passed else result.message
