"""The ranked table and the first findings on the terminal, in the columns there are."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..views.table import AT_FLOOR, PARTIAL, Column
from .contents import Contents, cautions

WIDEST = 100
MARKS = {
    PARTIAL: "of only some tasks or seeds; the others are not planned, skipped, failed, not run, or not solved",
    AT_FLOOR: "not above what a simple reader of the task scores, which cannot attend",
}


def show(found: Contents, console: Console | None = None) -> None:
    """Print the ranked table and the first findings; plain text where the output is no terminal."""
    console = console or Console()
    if not console.is_terminal:
        # In a pipe rich would take 80 columns whatever there is.
        console.width = WIDEST
    width = min(console.width, WIDEST)
    table = next((section.table for section in found.sections if section.name == "ranking"), None)
    if table is not None:
        kept = fitting(table.columns, width)
        console.print(_table(kept))
        numbers = [text for column in kept if not column.is_text for text in column.compact()]
        for mark, meaning in MARKS.items():
            if any(mark in text for text in numbers):
                console.print(Text(f"{mark} {meaning}"))
    for sentence in [*(finding.text for finding in found.first), *cautions(found.run), *found.notes]:
        _print(console, f"- {sentence}", width)
    for mistake in found.mistakes:
        _print(console, f"! {mistake}", width)
    left = len(found.findings) - len(found.first)
    if left > 0:
        _print(console, f"The report has {left} more sentence{'s' if left > 1 else ''} like these.", width)


def _print(console: Console, text: str, width: int) -> None:
    lines = textwrap.wrap(text, width, subsequent_indent="  ", break_long_words=False)
    console.print(Text("\n".join(lines)), soft_wrap=True)


def fitting(made: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit side by side, without those of least importance."""
    kept = list(made)
    for column in sorted(made, key=lambda each: each.importance):
        if sum(_widest(each) + 2 for each in kept) <= width or math.isinf(column.importance):
            break
        kept.remove(column)
    return kept


def _table(shown: Sequence[Column]) -> RichTable:
    table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in shown:
        justify = "left" if column.is_text else "right"
        # A name that is too long goes on in a line below, and leaves the numbers whole.
        table.add_column(Text(column.heading), justify=justify, no_wrap=not column.is_text, overflow="fold")  # type: ignore[arg-type]
    for row in zip(*(column.compact() for column in shown), strict=True):
        # Text, not markup: a mechanism may be called "[red]".
        table.add_row(*map(Text, row))
    return table


def _widest(column: Column) -> int:
    return max(map(cell_len, [column.heading, *column.compact()]))
