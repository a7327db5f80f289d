"""What the docstring of a registered class says: its formula, what is to be known, and its source."""

from __future__ import annotations

import inspect
import re

MARK = "Source:"


def parts_of(value: type) -> tuple[str, str]:
    """Return the first paragraph of a class's own docstring, which is its formula, and the rest."""
    doc = inspect.cleandoc(value.__dict__.get("__doc__") or "")
    formula, _, text = (doc or "It has no docstring.").partition("\n\n")
    return formula, text


def source_of(value: type) -> str:
    """Return the paragraph that begins with "Source:" as one line without that word, or ""."""
    _, text = parts_of(value)
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    found = next((paragraph for paragraph in paragraphs if paragraph.startswith(MARK)), "")
    return found.removeprefix(MARK).strip()


def short_source(source: str) -> str:
    """Return a source up to its first title, bracket or semicolon: "Elman 1990" of 'Elman 1990, "Finding …".'."""
    return re.split(r',? "|,? \(|;', source)[0].removesuffix(".")
