"""Tables as files: CSV (numbers), Markdown and LaTeX (text)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ..store.files import write_text
from ..views.view import Table

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # At the start of a row or an entry a bracket would be taken for an optional argument.
    "[": "{[}",
    "]": "{]}",
}


def save(table: Table, folder: Path) -> None:
    """Write `table` as CSV, Markdown and LaTeX."""
    write_text(folder / f"{table.name}.csv", table.numbers.to_csv(index=False, lineterminator="\n"))
    write_text(folder / f"{table.name}.md", markdown(table.text))
    write_text(folder / f"{table.name}.tex", latex(table))


def markdown(text: pd.DataFrame) -> str:
    lines = [[_markdown_entry(str(entry)) for entry in row] for row in [list(text.columns), *text.to_numpy().tolist()]]
    rule = ["---"] * len(text.columns)
    return "".join(f"| {' | '.join(line)} |\n" for line in [lines[0], rule, *lines[1:]])


def latex(table: Table) -> str:
    """Return a `table` environment with booktabs rules; the document needs \\usepackage{booktabs}."""
    text = table.text
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape(table.title)}. {escape(table.reading)}}}",
        f"  \\label{{tab:{table.name.replace('_', '-')}}}",
        f"  \\begin{{tabular}}{{{''.join('l' if _is_text(str(heading)) else 'r' for heading in text.columns)}}}",
        r"    \toprule",
        f"    {_latex_row(list(text.columns))}",
        r"    \midrule",
        *[f"    {_latex_row(row)}" for row in text.to_numpy().tolist()],
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(["% needs \\usepackage{booktabs}", *lines, ""])


def escape(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in " ".join(text.split()))


def _latex_row(entries: list[object]) -> str:
    return " & ".join(escape(str(entry)) for entry in entries) + r" \\"


def _is_text(heading: str) -> bool:
    return heading in ("mechanism", "quantity", "network", "verdict", "task", "outcome", "reason")


def _markdown_entry(text: str) -> str:
    plain = " ".join(text.split()).replace("\\", "\\\\")
    for character in "|<>*_`":
        plain = plain.replace(character, f"\\{character}")
    return plain
