"""Checks that what is registered under a name fulfils its contract."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from registry import Result

from ..plugins import REGISTRIES, find


def check_name(console: Console, name: str) -> bool:
    """Run the checks of everything called `name`, print each result, and return whether all passed."""
    passed = True
    for kind, entry in find(name):
        console.print(f"[bold]{kind} {escape(name)}[/]", highlight=False)
        for result in REGISTRIES[kind].check(entry.value):
            passed &= result.passed
            _show(console, result)
    console.print("All checks passed." if passed else "Some checks failed; see above.", highlight=False)
    return passed


def _show(console: Console, result: Result) -> None:
    mark = "[green]ok  [/]" if result.passed else "[red]FAIL[/]" if result.judged else "[yellow]?   [/]"
    console.print(f"  {mark} {escape(result.check.replace('_', ' '))}", highlight=False)
    if result.message:
        console.print(f"       {escape(result.message)}", highlight=False, soft_wrap=True)
