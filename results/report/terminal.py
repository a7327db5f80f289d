"""The ranked table and the findings on the terminal, in the columns there are."""

from __future__ import annotations

import re
import textwrap

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..analysis.ranking import ranked
from ..analysis.run import Results
from ..views.ranking import table as ranked_table
from .contents import find

WIDEST = 100
# What gives way first where the terminal is narrow; rank, mechanism and score always stay.
EXPENDABLE = (
    "parameters",
    "decode tokens/s",
    "time exponent",
    "peak memory (MB)",
    "gradient decay",
    "steps to solve",
    "horizon",
    "train tokens/s",
)


def show(results: Results, console: Console | None = None) -> None:
    """Print the ranked table and the findings; plain text where the output is no terminal."""
    console = console or Console()
    if not console.is_terminal:
        # In a pipe rich would take 80 columns whatever there is.
        console.width = WIDEST
    width = min(console.width, WIDEST)
    ranking = ranked(results)
    text = ranked_table(results, ranking).text.map(_compact)
    table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in fitting(text, width):
        right = column != "mechanism" and column not in results.tasks
        table.add_column(column, justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for row in text[fitting(text, width)].to_numpy().tolist():
        # Text, not markup: a mechanism may be called "[red]".
        table.add_row(*[Text(str(cell)) for cell in row])
    console.print(table)
    if text.map(lambda cell: str(cell).endswith("*")).to_numpy().any():
        console.print(Text("* of only some tasks or seeds; the others are skipped, failed or not run"))
    for finding in find(results, ranking):
        lines = textwrap.wrap(finding.text, width, initial_indent="- ", subsequent_indent="  ", break_long_words=False)
        console.print(Text("\n".join(lines)), soft_wrap=True)


def fitting(text: pd.DataFrame, width: int) -> list[str]:
    """Return the columns that fit side by side, the expendable ones left out from the first on."""
    columns = [str(column) for column in text.columns]
    tasks = [column for column in columns[3:] if column not in EXPENDABLE]
    for column in [*EXPENDABLE, *reversed(tasks)]:
        if sum(_widest(text, name) + 2 for name in columns) <= width:
            break
        if column in columns:
            columns.remove(column)
    return columns


def _widest(text: pd.DataFrame, column: str) -> int:
    return max(len(column), int(text[column].astype(str).str.len().max()))


def _compact(cell: object) -> str:
    """Return 0.93 for "0.93 [0.91, 0.95]" and 0.93* for "0.93 (1 of 2 timeout)": there is little room."""
    text = re.sub(r"^(-?[\d.]+) \[[^]]*\]", r"\1", str(cell))
    text = re.sub(r"^(-?[\d.]+) \(\d+ of \d+ .*\)$", r"\1*", text)
    return re.sub(r"^-?[\d.]+ \(([a-z ]+)\)$", r"\1", text)
