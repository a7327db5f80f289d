"""The one writer of Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MARKED = r"&(?=#?\w+;)|\](?=[(\[])|:(?=\w+:)"
"""Where a sign begins something: a character by name (&lt;), the address of a link, the name of a picture (:cat:)."""


def markdown(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), raw: bool = False
) -> str:
    """Return a table; the columns headed as `right` says are flush right. `raw` entries are Markdown already."""
    rule = ["---:" if heading in right else "---" for heading in headings]
    entry = _escaped_bar if raw else escape
    lines = [list(map(entry, headings)), rule, *(list(map(entry, row)) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def escape(text: str) -> str:
    """Return the text as Markdown that shows it as it is."""
    plain = " ".join(text.split()).replace("\\", "\\\\")
    for character in "|<>*_`~$":
        plain = plain.replace(character, f"\\{character}")
    return re.sub(MARKED, r"\\\g<0>", plain)


def _escaped_bar(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
