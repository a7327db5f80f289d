"""Tables: numbers in columns, from which every form of a table is rendered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..store.formats import ABSENT, Form, is_absent, number, spread

if TYPE_CHECKING:
    import pandas as pd

PARTIAL = "*"
"""Follows a number in a narrow table where words stand beside it in the whole one."""

AT_FLOOR = "†"
"""Follows a score that is not above what a simple reader of the task scores."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    `numbers` has one row for each row of the table: `value` (a number, or a text), and where there are any `low` and
    `high` (its interval), `beyond` (where the value is infinite, the bound that it is known to exceed), `mark` (a sign
    right behind the number, "" for none) and `words` ("" for none; they follow the value, or replace it where there is
    none). `form` writes a number. Where a whole table
    does not fit, the columns of least `importance` are left out first.
    """

    heading: str
    numbers: pd.DataFrame
    form: Form = number
    importance: float = 0.0

    @classmethod
    def of(
        cls,
        heading: str,
        rows: pd.DataFrame,
        value: str,
        form: Form = number,
        importance: float = 0.0,
        *,
        low: str | None = None,
        high: str | None = None,
        beyond: str | None = None,
        mark: str | None = None,
        words: str | None = None,
    ) -> Column:
        """Take the column from a frame, of which each argument names a column."""
        named = {"value": value, "low": low, "high": high, "beyond": beyond, "mark": mark, "words": words}
        taken = {name: rows[column] for name, column in named.items() if column is not None}
        return cls(heading, type(rows)(taken), form, importance)

    @property
    def is_text(self) -> bool:
        """Whether the values are texts, which are set flush left."""
        return bool(self.numbers["value"].map(lambda value: isinstance(value, str)).any())

    def whole(self) -> list[str]:
        """Return what stands in each row."""
        return [self._whole(row) for row in self.numbers.to_dict("records")]

    def compact(self) -> list[str]:
        """Return the same for where there is little room: no interval, and PARTIAL for the words behind a number."""
        return [self._compact(row) for row in self.numbers.to_dict("records")]

    def keys(self) -> list[float | str | None]:
        """Return what each row is sorted by; None where it has no number."""
        return [None if is_absent(value) else value for value in self.numbers["value"]]

    def along(self, index: Sequence[object]) -> Column:
        """Return the column for a table with these rows."""
        return Column(self.heading, self.numbers.reindex(list(index)), self.form, self.importance)

    def _whole(self, row: Mapping[Any, Any]) -> str:
        value, words = row["value"], _words(row)
        if isinstance(value, str):
            return value
        if is_absent(value):
            return str(words or ABSENT)
        interval = (row.get("low", value), row.get("high", value))
        shown = self._number(row) if math.isinf(value) else spread(value, *interval, self.form) + _mark(row)
        return f"{shown} ({words})" if words else shown

    def _compact(self, row: Mapping[Any, Any]) -> str:
        if isinstance(row["value"], str) or is_absent(row["value"]):
            return self._whole(row)
        return self._number(row) + _mark(row) + (PARTIAL if _words(row) else "")

    def _number(self, row: Mapping[Any, Any]) -> str:
        beyond = row.get("beyond")
        if math.isinf(row["value"]) and not is_absent(beyond):
            return f"> {self.form(float(beyond))}"  # type: ignore[arg-type]
        return self.form(row["value"])


def _words(row: Mapping[Any, Any]) -> str:
    words = row.get("words")
    return "" if is_absent(words) else str(words)


def _mark(row: Mapping[Any, Any]) -> str:
    return str(row.get("mark") or "")


@dataclass(frozen=True)
class Table:
    """What is shown in columns, how to read it (`caption`), and the `numbers` for its CSV file, in long form."""

    caption: str
    columns: Sequence[Column]
    numbers: pd.DataFrame

    def __len__(self) -> int:
        return len(self.columns[0].numbers) if self.columns else 0

    @property
    def headings(self) -> list[str]:
        return [column.heading for column in self.columns]

    def rows(self) -> list[list[str]]:
        """Return the table as text, row by row."""
        return [list(row) for row in zip(*(column.whole() for column in self.columns), strict=True)]

    def _repr_html_(self) -> str:
        import pandas as pd

        shown = pd.DataFrame(self.rows())
        shown.columns = pd.Index(self.headings)
        return shown.to_html(index=False)
