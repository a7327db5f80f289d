"""The store of a run: one SQLite file, one writer, one transaction per finished trial.

The journal is SQLite's rollback journal with full synchronisation, rather than a write-ahead log: a
run's results stay one file that can be copied, and network file systems are fine. A process killed at any
moment leaves either all of a trial or nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from registry import Quantity

from . import schema
from .connection import VALUES
from .opening import open_to_read, open_to_write
from .rows import Array, Attempt, Measurement, Outcome, Planned
from .schema import FORMAT

__all__ = ["FORMAT", "Store"]

RETRIED = ("crashed", "timeout")
"""The outcomes that may be the machine's fault, for which a suite may ask that a trial runs again."""


class Store:
    """The results of a run, at `path`; made where it does not exist, unless `read_only`.

    Raises UserError where the file is no store, was written in another format, is damaged, or is held by another
    program for long; so does every method.
    """

    def __init__(self, path: str | Path, *, read_only: bool = False) -> None:
        self.path = Path(path)
        self._db = open_to_read(self.path) if read_only else open_to_write(self.path)

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
                "reason": _text(planned.reason),
            }
            for position, planned in enumerate(trials)
        ]
        with self._db.transaction():
            # Read before they get new checksums, so that no damage is taken for what was written.
            self._db.rows("SELECT * FROM trial")
            self._db.execute("UPDATE trial SET planned = 0")
            self._db.execute_many(schema.PLAN, rows)
            self._db.execute(schema.SEAL)
            self._db.execute("DELETE FROM unavailable")
            missing = [{"name": _text(name), "reason": _text(why)} for name, why in (unavailable or {}).items()]
            self._db.execute_many(schema.MISS, missing)
            self._db.execute("DELETE FROM quantity")
            declared = (quantities or {}).items()
            known = [{"name": name, "quantity": json.dumps(each.to_json())} for name, each in declared]
            self._db.execute_many(schema.DECLARE, known)

    def finish(self, key: str, outcome: Outcome) -> None:
        """Record how the trial `key` ended, as one more attempt; its numbers replace those of earlier attempts.

        Raises KeyError for a trial that was never planned, and ValueError for an outcome that cannot be stored.
        """
        ended = {name: getattr(outcome, name) for name in ("outcome", "seconds", "path", "session")}
        ended |= {"key": key, "reason": _text(outcome.reason)}
        try:
            with self._db.transaction():
                if self._db.execute(schema.FINISH, ended) == 0:
                    raise KeyError(key)
                self._db.execute(f"{schema.SEAL} WHERE key = :key", {"key": key})
                before = self._db.rows("SELECT * FROM attempt WHERE trial = ?", (key,))
                self._db.execute(schema.ATTEMPT, {"trial": key, "number": len(before) + 1, **ended})
                self._db.execute("DELETE FROM measurement WHERE trial = ?", (key,))
                self._db.execute_many(schema.MEASURE, [_measured(key, each) for each in outcome.measurements])
                self._db.execute("DELETE FROM array WHERE trial = ?", (key,))
                self._db.execute_many(schema.KEEP, [_kept(key, array) for array in outcome.arrays])
        except (*VALUES, OverflowError, TypeError, UnicodeError) as error:
            raise ValueError(f"its outcome cannot be stored: {error}") from error

    def finished(self) -> dict[str, str]:
        """Return the outcome of every trial that has one, planned or not, by key."""
        rows = self._db.rows("SELECT * FROM trial WHERE outcome IS NOT NULL ORDER BY position, key")
        return {row["key"]: row["outcome"] for row in rows}

    def attempts(self) -> dict[str, list[Attempt]]:
        """Return how every trial that was run ended each time, planned or not, by key."""
        found: dict[str, list[Attempt]] = {}
        for row in self._db.rows(schema.ATTEMPTS):
            found.setdefault(row.pop("trial"), []).append(Attempt(**row))
        return found

    def trials(self) -> list[dict[str, Any]]:
        """Return the trials of the current plan, in its order, with how often they were run, and why again."""
        rows = self._db.rows("SELECT * FROM trial WHERE planned = 1 ORDER BY position, key")
        attempts = self.attempts()
        return [
            {
                **row,
                **{name: json.loads(row[name]) for name in ("trial", "plugins", "properties")},
                "attempts": len(attempts.get(row["key"], ())),
                "retried": _retried(attempts.get(row["key"], ())),
            }
            for row in rows
        ]

    def measurements(self) -> list[dict[str, Any]]:
        """Return the measurements of the planned trials, in the order in which they were written."""
        return [{**row, "coordinates": json.loads(row["coordinates"])} for row in self._db.rows(schema.MEASURED)]

    def arrays(self) -> dict[str, list[Array]]:
        """Return the arrays of the planned trials that have any, by key, in the order in which they were written."""
        found: dict[str, list[Array]] = {}
        for row in self._db.rows(schema.KEPT):
            shape, at = tuple(json.loads(row["shape"])), json.loads(row["coordinates"])
            found.setdefault(row["trial"], []).append(Array(row["name"], shape, row["dtype"], row["data"], at))
        return found

    def unavailable(self) -> dict[str, str]:
        """Return why something that the plan asks for could not be specified, by name."""
        return {row["name"]: row["reason"] for row in self._db.rows("SELECT * FROM unavailable ORDER BY name")}

    def quantities(self) -> dict[str, Quantity]:
        """Return what the trials may measure, by name."""
        rows = self._db.rows("SELECT * FROM quantity ORDER BY rowid")
        return {row["name"]: Quantity.from_json(json.loads(row["quantity"])) for row in rows}

    def snapshot(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return trials and measurements of one moment, even while a writer is at work."""
        with self._db.moment():
            return self.trials(), self.measurements()


def _text(text: str | None) -> str | None:
    """Return a text without lone surrogates, which SQLite does not store."""
    return text and text.encode("utf-8", "backslashreplace").decode("utf-8")


def _retried(attempts: Sequence[Attempt]) -> str | None:
    """Return how the attempts before the last one crashed or exceeded their time, None where none did."""
    found = [f"{each.outcome}: {each.reason}" for each in attempts[:-1] if each.outcome in RETRIED]
    return "; ".join(dict.fromkeys(found)) or None


def _measured(key: str, measurement: Measurement) -> dict[str, Any]:
    row = {name: getattr(measurement, name) for name in ("probe", "quantity", "value", "low", "high")}
    return {"trial": key, **row, "coordinates": json.dumps(measurement.at)}


def _kept(key: str, array: Array) -> dict[str, Any]:
    row = {"name": array.name, "shape": json.dumps(array.shape), "dtype": array.dtype, "data": array.data}
    return {"trial": key, **row, "coordinates": json.dumps(array.at)}
