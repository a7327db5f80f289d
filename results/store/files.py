"""Files that are replaced as a whole: a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import csv
import glob
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
    """Write a file that takes the place of the one at `path` once the block has ended well and all is on the disk.

    An error of the disk names `path`.
    """
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_unfinished(path)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.")
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException as error:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def remove_unfinished(path: Path) -> None:
    """Remove what processes that have ended left when they were killed while they replaced the file at `path`."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        process = left.name.split(".")[-2]
        if process.isdecimal() and not _runs(int(process)):
            left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it is another user's
    return True


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
