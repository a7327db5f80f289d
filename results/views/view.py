"""What a view is made of: tables, their columns, and findings; how sentences list things."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table called `name`: `text` is what is shown, `numbers` what goes into its CSV file."""

    name: str
    title: str
    reading: str
    text: pd.DataFrame
    numbers: pd.DataFrame


@dataclass(frozen=True)
class Column:
    """A column of a table: what stands in each row, and in `compact` the same for where there is little room.

    Where the whole table does not fit, the columns of least importance are left out first.
    """

    heading: str
    importance: float
    text: list[str]
    compact: list[str]
    is_text: bool = False


@dataclass(frozen=True)
class Finding:
    """One plain sentence on a topic (score, attention, gradient, cost, plugin, trouble, evidence)."""

    topic: str
    text: str


def listed(items: Iterable[str]) -> str:
    """Return "a, b and c"."""
    names = list(items)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def span(low: float, high: float, digits: int = 2) -> str:
    """Return "1.05 to 1.18", or one number where both read the same."""
    first, second = f"{low:.{digits}f}", f"{high:.{digits}f}"
    return first if first == second else f"{first} to {second}"
