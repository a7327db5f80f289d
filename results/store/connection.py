"""The connection to the file of a store: how it is opened, how long it waits, and what its errors mean.

SQLite finds a file whose structure is damaged, but it does not notice a changed byte within a value. So every row has
a checksum, and a row that is not what was written is an error and never a result.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from registry import UserError
from registry.errors import shorten

T = TypeVar("T")
Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

PATIENCE = 20.0  # seconds to wait while another process holds the file
SLICE = 0.2  # seconds that SQLite waits at a time: Python hears Ctrl-C between two waits only

MOVED = 1032  # SQLITE_READONLY_DBMOVED, which Python does not name
VALUES = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""The errors of values that a store does not hold."""
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
UNDOING = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
REPAIR = "move it away and run the suite again, or put a copy of it in its place"
AGAIN = "give the same command again"


class DamagedError(UserError):
    """The file is not what was written to it."""


class Unfinished(Exception):
    """The file has a journal to undo, which a read-only connection may not do."""


class Connection:
    """An open file of results; `mode` is ro, rw, or rwc, which makes the file. Every error is a UserError."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        if path.exists() and not path.is_file():
            raise UserError(f"{shorten(path)} is no file; {REPAIR}")
        # Not resolve(), which raises where symbolic links form a circle.
        self._place = path.absolute()
        address = f"{self._place.as_uri()}?mode={mode}"
        try:
            self.sqlite = sqlite3.connect(address, uri=True, timeout=SLICE, isolation_level=None)
        except sqlite3.Error as error:
            raise explained(path, error) from error
        self._file: tuple[int, int] | None = None
        try:
            self.sqlite.row_factory = sqlite3.Row
            self.sqlite.create_function("checksum", -1, checksum, deterministic=True)
            self._begin(mode)
        except BaseException:
            self.close()
            raise

    def _begin(self, mode: str) -> None:
        try:
            self._patiently(lambda: self.sqlite.execute("SELECT count(*) FROM sqlite_master").fetchone())
        except UserError as error:
            cause = error.__cause__
            if mode == "ro" and isinstance(cause, sqlite3.Error) and _primary(cause) in UNDOING:
                raise Unfinished from error
            raise
        self._file = _identity(self._place)

    def close(self) -> None:
        self.sqlite.close()

    def rows(self, statement: str, values: Values = ()) -> list[dict[str, Any]]:
        """Return rows of one table, all of its columns, without their checksums. Raises DamagedError at a wrong one."""
        found = self._patiently(lambda: self.sqlite.execute(statement, values).fetchall())
        if not all(row["checksum"] == checksum(*tuple(row)[:-1]) for row in found):
            raise damaged(self.path, "a row is not what was written")
        return [{name: row[name] for name in row.keys()[:-1]} for row in found]

    def values(self, statement: str) -> list[Any]:
        """Return the first value of every row."""
        return self._patiently(lambda: [row[0] for row in self.sqlite.execute(statement).fetchall()])

    def execute(self, statement: str, values: Values = ()) -> int:
        """Return how many rows the statement changed."""
        return self._patiently(lambda: self.sqlite.execute(statement, values)).rowcount

    def execute_many(self, statement: str, rows: Iterable[Values]) -> None:
        every = list(rows)
        self._patiently(lambda: self.sqlite.executemany(statement, every))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # IMMEDIATE takes the write lock first, so that waiting happens here and not halfway through.
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            self.rollback()
            raise

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Let all reads see one moment, even while a writer is at work."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.rollback()

    def rollback(self) -> None:
        try:
            self.sqlite.rollback()
        except sqlite3.Error as error:
            raise explained(self.path, error) from error

    def _patiently(self, act: Callable[[], T]) -> T:
        end = time.monotonic() + PATIENCE
        while True:
            if self._file is not None and _identity(self._place) != self._file:
                raise UserError(f"{shorten(self.path)} was deleted or replaced during its use; {AGAIN}")
            try:
                return act()
            except VALUES:
                raise
            except UnicodeDecodeError as error:
                # A damaged name, which Python cannot write into its own message.
                raise damaged(self.path, "a text in it is not UTF-8") from error
            except sqlite3.Error as error:
                if _primary(error) not in HELD or time.monotonic() > end:
                    raise explained(self.path, error) from error
            time.sleep(0.05)


def checksum(*values: Any) -> int:
    """Return a checksum of values as SQLite stores them."""
    found, others = 0, []
    for value in values:
        if isinstance(value, bytes):
            found = zlib.crc32(value, found)
        else:
            # A column of numbers stores 1 as 1.0, and -0.0 as 0.0.
            others.append(float(value) + 0.0 if isinstance(value, int | float) else value)
    return zlib.crc32(repr(others).encode(), found)


def damaged(path: Path, why: object) -> DamagedError:
    return DamagedError(f"{shorten(path)} cannot be read as the results of a run: {why}; {REPAIR}")


def explained(path: Path, error: sqlite3.Error) -> UserError:
    """Return what an error of SQLite means, and what to do."""
    name = shorten(path)
    match _primary(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return UserError(f"{name} is locked by another program; end that program, and {AGAIN}")
        case sqlite3.SQLITE_FULL:
            return UserError(f"{name} cannot be written, because the disk is full; make space, and {AGAIN}")
        case sqlite3.SQLITE_READONLY if getattr(error, "sqlite_errorcode", 0) == MOVED:
            return UserError(f"{name} was deleted or replaced during its use; {AGAIN}")
        case sqlite3.SQLITE_READONLY:
            return UserError(f"{name} cannot be written: it or its folder is read-only")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return UserError(f"{name} cannot be opened; see who may read and write it and its folder")
        case sqlite3.SQLITE_IOERR:
            return UserError(f"{name} cannot be read or written: {error}; see whether its disk is full or at fault")
    return damaged(path, error)


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name, None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
