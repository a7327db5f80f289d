"""The tables of the command line: registries, plans, costs and runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from registry import Entry, Registry
from registry.docstring import parts_of, short_source, source_of
from results import Store
from results.store.formats import ABSENT, count, number, short
from results.store.labels import descriptions, mechanism_labels, task_labels
from results.store.load import store_of

from ..catalogue.costs import CostRow
from ..catalogue.describe import KINDS, describe, lines, origin
from ..plugins import REGISTRIES, find
from ..suite.estimate import Estimate
from ..suite.plan import Plan

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
ENDLESS = 10_000  # columns: in a pipe each row is one line of any length


def list_registries(console: Console) -> None:
    """Print all registered names with formula or description, and source, kind by kind."""
    for kind, registry in REGISTRIES.items():
        everything = registry.entries()
        # Without plug-ins, the column would have the same word in every row.
        from_outside = any(entry.origin.is_plugin for entry in everything)
        about = "formula" if kind in KINDS else "description"
        columns = ["name", about, "source", *(["from"] if from_outside else [])]
        rows = [_listed(entry)[: len(columns)] for entry in everything]
        print_table(console, f"{kind}s", columns, [*rows, *_unavailable(registry)], give_way={about: 33, "source": 16})


def _listed(entry: Entry[Any]) -> list[str]:
    formula = parts_of(entry.value)[0].split("\n")[0]
    return [entry.name, formula, short_source(source_of(entry.value)), origin(entry)]


def _unavailable(registry: Registry[Any]) -> list[list[str]]:
    return [[name, f"cannot be imported: {error}"] for name, error in registry.unavailable.items()]


def show_entry(console: Console, name: str) -> None:
    """Print the descriptions of all entries called `name`."""
    for kind, entry in find(name):
        shown = describe(kind, entry)
        head = Text.assemble((f"{kind} {shown.name}", "bold"), f"  ({shown.origin}, {shown.file})")
        console.print(head, Text(shown.formula), sep="\n\n", soft_wrap=True)
        if shown.text:
            console.print(Text(f"\n{shown.text}"), soft_wrap=True)
        grid = Table.grid(padding=(0, 2, 0, 0))
        for about, sentence in lines(shown):
            grid.add_row(Text(about, style="bold"), Text(sentence))
        console.print("")
        _print_whole(console, grid)
        console.print("")


def plan_table(console: Console, plan: Plan) -> None:
    """Print the number of trials of each mechanism and task, and the skipped ones."""
    sizes = {each.spec: each for each in plan.mechanisms}
    counts: dict[tuple[str, ...], int] = {}
    for trial in plan.trials:
        mechanism, task = plan.labels[trial.key]
        size = sizes[trial.mechanism]
        shown = [str(size.width), ABSENT if size.parameters is None else count(size.parameters)]
        shown += [count(trial.recipe.steps) if task else ABSENT]
        what = task.text if task else ", ".join(probe.name for probe in trial.probes)
        counts[mechanism.text, *shown, what] = counts.get((mechanism.text, *shown, what), 0) + 1
    rows = [[*row, str(trials)] for row, trials in counts.items()]
    columns = ["mechanism", "width", "parameters", "steps", "task or probe", "trials"]
    right = ("width", "parameters", "steps", "trials")
    print_table(console, f"{plan.name}: {len(plan.trials)} trials", columns, rows, right, {"mechanism": 16})
    for planned in plan.skipped:
        _left_out(console, " ".join(label.text for label in plan.labels[planned.key] if label), planned.reason)
    for name, reason in plan.unavailable.items():
        _left_out(console, name, reason)


def estimate_lines(found: Estimate) -> Iterator[str]:
    """Yield how long a run takes, and how much disk it needs, as sentences."""
    workers = f"{found.workers} worker{'' if found.workers == 1 else 's'}"
    if found.seconds is None:
        yield "time: not known, because no training step could be timed here"
    else:
        yield (
            f"time: at most about {_duration(found.seconds)} with {workers} on an idle machine; every trial is counted "
            "with all its steps, and one that solves its task ends earlier"
        )
        if found.timed < found.steps:
            pairs = f"{found.timed} of {found.steps} pairs of a mechanism and a task"
            yield f"time: a training step of {pairs} was timed, and the others count as the mean"
    yield (
        f"disk: about {_megabytes(found.results)} of results, up to {_megabytes(found.checkpoints)} of checkpoints "
        "during the run, and 1 to 10 MB of report"
    )


def _duration(seconds: float) -> str:
    """Return a time to two digits, in a unit in which it is no smaller than 2 where there is one."""
    unit, size = next((each for each in UNITS if seconds >= 2 * each[1]), UNITS[-1])
    found = float(f"{seconds / size:.2g}")
    return f"{found:g} {unit}{'' if found == 1 else 's'}"


def _megabytes(size: int) -> str:
    return f"{max(1, math.ceil(size / 1e6))} MB"


def _left_out(console: Console, what: str, reason: str | None) -> None:
    console.print(f"skipped: {what}: {reason}", highlight=False, markup=False, soft_wrap=True)


def cost_table(console: Console, rows: Sequence[CostRow], length: int) -> None:
    """Print parameters, operations per token and decoding state, and below them what could not be counted."""
    columns = ["mechanism", "width", "parameters", "counted", "formula", "ratio", "state"]
    cells = [_cost(row, length) for row in rows if row.cost is not None]
    title = f"operations per token, {length // 2} source and {length - length // 2} query positions; state in bytes"
    print_table(console, title, columns, cells, columns[1:], {"mechanism": 16})
    for row in rows:
        if row.problem is not None:
            console.print(f"not counted: {row.label}: {row.problem}", highlight=False, markup=False, soft_wrap=True)


def _cost(row: CostRow, length: int) -> list[str]:
    assert row.cost is not None
    counted, analytic, state = row.cost.counted, row.cost.analytic, row.cost.state
    found = [row.label, str(row.width), count(row.parameters or 0), short(counted / length)]
    found += [short(analytic / length), number(counted / analytic)] if analytic else [ABSENT, ABSENT]
    return [*found, ABSENT if state is None else count(state)]


def status_table(console: Console, run: Path) -> None:
    """Print the outcomes of the trials of a run."""
    with Store(store_of(run), read_only=True) as store:
        rows = store.trials()
    outcomes = Counter(row["outcome"] or "waiting" for row in rows)
    console.print(f"{run}: {len(rows)} trials: " + ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common()))
    trials = [row["trial"] for row in rows]
    for row, what in zip(rows, descriptions(trials, mechanism_labels(trials), task_labels(trials)), strict=True):
        if row["outcome"] not in (None, "ok"):
            line = f"  {row['outcome']}: {what}: {row['reason']}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        if row["retried"]:
            line = f"  {row['outcome'] or 'waiting'} after {row['attempts']} attempts: {what}: {row['retried']}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_table(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str] = (),
    give_way: Mapping[str, int] | None = None,
) -> None:
    """Print a table; in a pipe, each row is one plain line.

    In a narrow terminal the columns in `give_way` are shortened, one after another, down to the widths given there.
    """
    widths = {name: max(map(cell_len, [name, *cells])) for name, cells in _by_column(columns, rows)}
    excess = sum(widths.values()) + 2 * (len(columns) - 1) - console.width if console.is_terminal else 0
    for name, least in (give_way or {}).items():
        cut = max(0, min(excess, widths[name] - least))
        widths[name], excess = widths[name] - cut, excess - cut
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        side: JustifyMethod = "right" if name in right else "left"
        table.add_column(name, justify=side, no_wrap=True, overflow="ellipsis", width=widths[name])
    for row in rows:
        # Text and not markup, because formulas of plug-ins may contain brackets.
        table.add_row(*[Text(cell) for cell in row])
    console.print(Text(f"\n{title}", style="bold"), soft_wrap=True)
    _print_whole(console, table)


def _by_column(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, list[str]]]:
    for place, name in enumerate(columns):
        yield name, [row[place] for row in rows if place < len(row)]


def _print_whole(console: Console, table: Table) -> None:
    """Print a table; in a pipe, where rich assumes 80 columns, at its full width."""
    before = console.width
    try:
        console.width = before if console.is_terminal else ENDLESS
        console.print(table)
    finally:
        console.width = before
