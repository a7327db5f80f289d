"""Files that are replaced as a whole: a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes the place of the one at `path` once the block has ended well and all is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    # Half of a character, such as in the message of an exception, has no bytes in UTF-8.
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_csv(path: Path, rows: pd.DataFrame, comments: Sequence[str] = ()) -> None:
    """Write a table as CSV behind one line "# ..." for each comment; pandas.read_csv(path, comment="#") reads it."""
    write_text(path, "".join(f"# {comment}\n" for comment in comments) + csv_text(rows))


def csv_text(rows: pd.DataFrame) -> str:
    text = rows.to_csv(index=False, lineterminator="\n")
    if "#" not in text:
        return text
    # Outside quotation marks, the rest of a row would be read as a comment.
    return rows.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
