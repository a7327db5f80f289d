"""Tables as files: CSV (the numbers in long form), Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..store.files import write_csv, write_text
from ..store.markdown import markdown
from ..views.table import Table

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
    "–": "--",
    "`": r"\textasciigrave{}",
    "†": r"\textdagger{}",
    # At the start of a row or an entry a bracket would be taken for an optional argument.
    "[": "{[}",
    "]": "{]}",
}


def save(name: str, title: str, table: Table, folder: Path, provenance: Sequence[str] = ()) -> None:
    """Write `table` as CSV, Markdown and LaTeX, each behind the lines of `provenance` as comments."""
    write_csv(folder / f"{name}.csv", table.numbers, provenance)
    comment = "\n".join(provenance).replace("-->", "")
    above = f"<!--\n{comment}\n-->\n\n" if provenance else ""
    write_text(folder / f"{name}.md", above + markdown(table.headings, table.rows()))
    above = "".join(f"% {line}\n" for line in provenance)
    write_text(folder / f"{name}.tex", above + latex(name, title, table))


def latex(name: str, title: str, table: Table) -> str:
    """Return a `table` environment with booktabs rules; the document needs \\usepackage{booktabs}."""
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escape(title)}. {escape(table.caption)}}}",
        f"  \\label{{tab:{name.replace('_', '-')}}}",
        f"  \\begin{{tabular}}{{{''.join('l' if column.is_text else 'r' for column in table.columns)}}}",
        r"    \toprule",
        f"    {_row(table.headings)}",
        r"    \midrule",
        *[f"    {_row(row)}" for row in table.rows()],
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(["% needs \\usepackage{booktabs}", *lines, ""])


def escape(text: str) -> str:
    # Two hyphens side by side would be set as a dash.
    parts = re.split("(?<=-)(?=-)", " ".join(text.split()))
    return "{}".join("".join(LATEX.get(character, character) for character in part) for part in parts)


def _row(entries: Sequence[str] | Iterable[str]) -> str:
    row = " & ".join(map(escape, entries))
    # A star at the start would belong to the end of the row above.
    return ("{}" if row.startswith("*") else "") + row + r" \\"
