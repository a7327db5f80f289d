"""The ranked table and the findings on the terminal, in the columns there are."""

from __future__ import annotations

import math
import textwrap

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..analysis.run import Results
from ..views.ranking_columns import STAR, columns
from ..views.view import Column
from .contents import find

WIDEST = 100


def show(results: Results, console: Console | None = None) -> None:
    """Print the ranked table and the findings; plain text where the output is no terminal."""
    console = console or Console()
    if not console.is_terminal:
        # In a pipe rich would take 80 columns whatever there is.
        console.width = WIDEST
    width = min(console.width, WIDEST)
    made = columns(results)
    console.print(_table(fitting(made, width)))
    if any(_is_partial(column) for column in made):
        console.print(Text(f"{STAR} of only some tasks or seeds; the others are skipped, failed or not run"))
    for finding in find(results):
        lines = textwrap.wrap(finding.text, width, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
        console.print(Text("\n".join(lines)), soft_wrap=True)


def fitting(made: list[Column], width: int) -> list[Column]:
    """Return the columns that fit side by side, those of least importance left out from the first on."""
    kept = list(made)
    for column in sorted(made, key=lambda each: each.importance):
        if sum(_widest(each) + 2 for each in kept) <= width or math.isinf(column.importance):
            break
        kept.remove(column)
    return kept


def _table(shown: list[Column]) -> RichTable:
    table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in shown:
        table.add_column(
            Text(column.heading), justify="left" if column.is_text else "right", no_wrap=True, overflow="ellipsis"
        )
    for entries in zip(*(column.compact for column in shown), strict=True):
        # Text, not markup: a mechanism may be called "[red]".
        table.add_row(*map(Text, entries))
    return table


def _is_partial(column: Column) -> bool:
    return any(brief != text and brief.endswith(STAR) for text, brief in zip(column.text, column.compact, strict=True))


def _widest(column: Column) -> int:
    return max(map(len, [column.heading, *column.compact]))
