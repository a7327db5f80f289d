"""What the command line prints of registries, plans and runs."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry import Entry
from results import Store
from results.reading import store_of

from .kinds import REGISTRIES, find
from .plan import Plan
from .sources import source_file


def list_registries(console: Console) -> None:
    """Print every registered name with the first line of its docstring, kind by kind."""
    for kind, registry in REGISTRIES.items():
        table = Table("name", "what it is", "from", title=f"{kind}s", title_justify="left", expand=False)
        for entry in registry.entries():
            table.add_row(entry.name, escape(_first_line(entry.value)), escape(_origin(entry)))
        for name, error in registry.unavailable.items():
            table.add_row(name, f"[yellow]cannot be imported: {escape(error)}[/]", "built-in")
        console.print(table)


def show_entry(console: Console, name: str) -> None:
    """Print the docstring, the settings and the file of everything called `name`."""
    for kind, entry in find(name):
        console.print(f"[bold]{kind} {entry.name}[/]  ({escape(_origin(entry))}, {escape(source_file(entry.value))})\n")
        console.print(escape(_doc(entry.value)), highlight=False)
        settings = [f"  {escape(setting)}" for setting in _settings(entry.value)]
        console.print("\nSettings:\n" + ("\n".join(settings) or "  none") + "\n", highlight=False)


def plan_table(console: Console, plan: Plan) -> None:
    """Print how many cells of each mechanism and task there are, and what is left out."""
    table = Table(
        "mechanism", "task or probe", "cells", title=f"{plan.name}: {len(plan.cells)} cells", title_justify="left"
    )
    counts = Counter((cell.label, cell.task_label or ", ".join(cell.probes)) for cell in plan.cells)
    for (label, what), number in counts.items():
        table.add_row(escape(label), escape(what), str(number))
    console.print(table)
    for skip in plan.skips:
        console.print(f"skipped: {skip.label} {skip.task or ''}: {skip.reason}", highlight=False, markup=False)


def status_table(console: Console, run: Path) -> None:
    """Print how the cells of a run ended."""
    with Store(store_of(run), read_only=True) as store:
        cells = store.cells()
    outcomes = Counter(cell["outcome"] or "waiting" for cell in cells)
    console.print(f"{run}: {len(cells)} cells: " + ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common()))
    for cell in cells:
        if cell["outcome"] not in (None, "ok"):
            what = f"{cell['label']} {cell['task'] or cell['kind']} seed {cell['seed']}"
            console.print(
                f"  {cell['outcome']}: {what}: {cell['reason']}", highlight=False, markup=False, soft_wrap=True
            )


def _doc(value: type) -> str:
    """Return the docstring of a class, or that of its module: one mechanism is one file."""
    own = value.__dict__.get("__doc__")
    return inspect.cleandoc(own or sys.modules[value.__module__].__doc__ or "It has no docstring.")


def _first_line(value: type) -> str:
    return _doc(value).split("\n")[0]


def _origin(entry: Entry[Any]) -> str:
    origin = entry.origin
    return " ".join(part for part in (origin.kind, Path(origin.source).name if origin.kind == "file" else "") if part)


def _settings(value: type) -> list[str]:
    """Return the keyword-only parameters of a constructor, as a suite would set them."""
    parameters = inspect.signature(value).parameters.values()
    return [str(p) for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "causal"]
