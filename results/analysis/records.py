"""Rows of a frame as plain dictionaries."""

from __future__ import annotations

from typing import Any

import pandas as pd

Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Return one dictionary a row, by column."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
