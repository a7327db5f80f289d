"""The log of a trial: what its process writes to standard output and standard error."""

from __future__ import annotations

import os
from pathlib import Path

from registry.errors import shorten

TAIL = 4096  # bytes at the end of a log in which its last line is looked for
LONGEST = 200


class Log:
    """A log, which grows with every attempt; this one's part begins where it was opened.

    The runner keeps it open, so that it can be read even if the trial has removed the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+", buffering=0)
        self._begin = os.fstat(self.fileno()).st_size

    def fileno(self) -> int:
        return self._file.fileno()

    def size(self) -> int:
        """Return the bytes that were written since it was opened."""
        return os.fstat(self.fileno()).st_size - self._begin

    def last_line(self) -> str:
        return last_line(self.fileno(), self._begin)

    def close(self) -> None:
        self._file.close()


def last_line(handle: int, begin: int) -> str:
    """Return the last line of a file behind `begin` as the end of a sentence, "" where there is none."""
    size = os.fstat(handle).st_size
    text = os.pread(handle, TAIL, max(begin, size - TAIL)).decode("utf-8", "replace")
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; the last line of its log is: {shorten(found[-1], LONGEST)}" if found else ""
