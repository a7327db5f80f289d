"""The store of a run: one SQLite file, one writer, one transaction per finished trial.

The journal is SQLite's rollback journal with full synchronisation, rather than a write-ahead log: a
run's results stay one file that can be copied, and network file systems are fine. A process killed at any
moment leaves either all of a trial or nothing of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from registry import Quantity, UserError

from .rows import Array, Measurement, Outcome, Planned
from .schema import FINISH, FORMAT, KEEP, KEPT, MEASURE, MEASURED, PLAN, TABLES

__all__ = ["FORMAT", "Store"]

PATIENCE = 60.0  # seconds to wait while a reader or a writer holds the file


class Store:
    """The results of a run, at `path`; made where it does not exist, unless `read_only`.

    Raises UserError where the file is no store, or was written in another format.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._db = _open_to_read(self.path) if read_only else _open_to_write(self.path)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def plan(
        self,
        trials: Sequence[Planned],
        unavailable: Mapping[str, str] | None = None,
        quantities: Mapping[str, Quantity] | None = None,
    ) -> None:
        """Make `trials` the current plan: others keep their results but are no longer planned.

        A finished trial keeps its outcome; all else of it is as planned now. `unavailable` are the reasons, by name, of
        what could not be specified at all; `quantities`, by name, are what the trials may measure.
        """
        rows = [
            {
                "key": planned.key,
                "position": position,
                "trial": json.dumps(planned.trial),
                "plugins": json.dumps(planned.plugins),
                "properties": json.dumps(planned.properties),
                "outcome": None if planned.reason is None else "skipped",
                "reason": planned.reason,
            }
            for position, planned in enumerate(trials)
        ]
        with _transaction(self._db):
            self._db.execute("UPDATE trial SET planned = 0")
            self._db.executemany(PLAN, rows)
            self._db.execute("DELETE FROM unavailable")
            self._db.executemany("INSERT INTO unavailable VALUES (?, ?)", (unavailable or {}).items())
            self._db.execute("DELETE FROM quantity")
            declared = [(name, json.dumps(each.to_json())) for name, each in (quantities or {}).items()]
            self._db.executemany("INSERT INTO quantity VALUES (?, ?)", declared)

    def finish(self, key: str, outcome: Outcome) -> None:
        """Record how the trial `key` ended; its numbers replace those of earlier attempts, which are counted.

        Raises KeyError for a trial that was never planned.
        """
        ended = {
            name: getattr(outcome, name) for name in ("outcome", "reason", "seconds", "path", "session", "attempts")
        }
        with _transaction(self._db):
            if self._db.execute(FINISH, {"key": key, **ended}).rowcount == 0:
                raise KeyError(key)
            self._db.execute("DELETE FROM measurement WHERE trial = ?", (key,))
            self._db.executemany(MEASURE, [_measured(key, measurement) for measurement in outcome.measurements])
            self._db.execute("DELETE FROM array WHERE trial = ?", (key,))
            self._db.executemany(KEEP, [_kept(key, array) for array in outcome.arrays])

    def finished(self) -> dict[str, str]:
        """Return the outcome of every trial that has one, planned or not, by key."""
        rows = self._db.execute("SELECT key, outcome FROM trial WHERE outcome IS NOT NULL ORDER BY position, key")
        return {row["key"]: row["outcome"] for row in rows}

    def trials(self) -> list[dict[str, Any]]:
        """Return the trials of the current plan, in its order."""
        rows = self._db.execute("SELECT * FROM trial WHERE planned = 1 ORDER BY position, key")
        return [{**row, **{name: json.loads(row[name]) for name in ("trial", "plugins", "properties")}} for row in rows]

    def measurements(self) -> list[dict[str, Any]]:
        """Return the measurements of the planned trials, in the order in which they were written."""
        rows = self._db.execute(MEASURED)
        return [{**row, "coordinates": json.loads(row["coordinates"])} for row in rows]

    def arrays(self) -> dict[str, list[Array]]:
        """Return the arrays of the planned trials that have any, by key, in the order in which they were written."""
        found: dict[str, list[Array]] = {}
        for row in self._db.execute(KEPT):
            shape, at = tuple(json.loads(row["shape"])), json.loads(row["coordinates"])
            found.setdefault(row["trial"], []).append(Array(row["name"], shape, row["dtype"], row["data"], at))
        return found

    def unavailable(self) -> dict[str, str]:
        """Return why something that the plan asks for could not be specified, by name."""
        return {row["name"]: row["reason"] for row in self._db.execute("SELECT * FROM unavailable ORDER BY name")}

    def quantities(self) -> dict[str, Quantity]:
        """Return what the trials may measure, by name."""
        rows = self._db.execute("SELECT * FROM quantity ORDER BY rowid")
        return {row["name"]: Quantity.from_json(json.loads(row["quantity"])) for row in rows}

    def snapshot(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return trials and measurements of one moment, even while a writer is at work."""
        self._db.execute("BEGIN")
        try:
            return self.trials(), self.measurements()
        finally:
            self._db.rollback()


def _measured(key: str, measurement: Measurement) -> dict[str, Any]:
    row = {name: getattr(measurement, name) for name in ("probe", "quantity", "value", "low", "high")}
    return {"trial": key, **row, "coordinates": json.dumps(measurement.at)}


def _kept(key: str, array: Array) -> dict[str, Any]:
    row = {"name": array.name, "shape": json.dumps(array.shape), "dtype": array.dtype, "data": array.data}
    return {"trial": key, **row, "coordinates": json.dumps(array.at)}


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE takes the write lock first, so that waiting happens here and not halfway through.
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()


def _open_to_write(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = _connect(path, "rwc")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if _format(db, path) == 0:
        with _transaction(db):
            # A second look under the lock: another process may have made the tables meanwhile.
            if _format(db, path) == 0:
                for statement in TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {FORMAT}")
    return db


def _open_to_read(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise UserError(f"there are no results at {path}")
    try:
        db = _connect(path, "ro")
    except _UnfinishedError:
        # A writer was killed inside a transaction. Undoing it takes write access, once.
        db = _connect(path, "rw")
    if _format(db, path) == 0:
        db.close()
        raise UserError(f"{path} holds no results")
    return db


class _UnfinishedError(Exception):
    """The file has a journal to undo, which a read-only connection may not do."""


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if db is not None:
            db.close()
        if mode == "ro" and _is_unfinished(error):
            raise _UnfinishedError from error
        raise UserError(f"{path} cannot be read as the results of a run: {error}") from error
    try:
        _format(db, path)
    except UserError:
        db.close()
        raise
    return db


def _is_unfinished(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _format(db: sqlite3.Connection, path: Path) -> int:
    """Return the format of the store, 0 for an empty file; UserError for what is none or has another format."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > FORMAT:
        raise UserError(
            f"{path} was written by a newer version of Attention Bench (format {version}, this one reads {FORMAT}); "
            "use that version for it"
        )
    if 0 < version < FORMAT:
        raise UserError(
            f"{path} was written by an older version of Attention Bench (format {version}, this one reads {FORMAT}); "
            "move the run's folder away, or name another with --out, and run the suite again"
        )
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise UserError(f"{path} is a database, but not one of Attention Bench")
    return version
