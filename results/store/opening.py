"""Opening a store: made where there is none, and refused with its reason where it is of another format or damaged."""

from __future__ import annotations

from pathlib import Path

from registry import UserError
from registry.errors import shorten

from .connection import Connection, Unfinished, damaged
from .schema import FORMAT, STATEMENTS


def open_to_write(path: Path) -> Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = _checked(Connection(path, "rwc"))
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    if _format(db) == 0:
        with db.transaction():
            # A second look under the lock: another process may have made the tables meanwhile.
            if _format(db) == 0:
                for statement in STATEMENTS:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {FORMAT}")
    return db


def open_to_read(path: Path) -> Connection:
    if not path.is_file():
        raise UserError(f"there are no results at {shorten(path)}")
    try:
        db = Connection(path, "ro")
    except Unfinished:
        # A writer was killed inside a transaction. Undoing it takes write access, once.
        db = Connection(path, "rw")
    if _format(_checked(db)) == 0:
        db.close()
        raise UserError(f"{shorten(path)} holds no results")
    return db


def _checked(db: Connection) -> Connection:
    """Return the connection to a whole store of this format. Closes it, and raises UserError, at anything else."""
    try:
        written = set(db.values("SELECT sql FROM sqlite_master"))
        if _format(db) and not written.issuperset(STATEMENTS):
            raise damaged(db.path, "its tables are not those of this format")
        # The time of reading the file once (10 MB: 0.05 s). It finds lost rows and wrong indexes, which no checksum of
        # a row tells.
        found = " ".join(" ".join(map(str, db.values("PRAGMA integrity_check(1)"))).split())
        if found != "ok":
            raise damaged(db.path, found)
    except BaseException:
        db.close()
        raise
    return db


def _format(db: Connection) -> int:
    """Return the format of the store, 0 for an empty file; UserError for what is none or has another format."""
    version, path = int(db.values("PRAGMA user_version")[0]), shorten(db.path)
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
    if version == 0 and db.values("SELECT name FROM sqlite_master"):
        raise UserError(f"{path} is a database, but not one of Attention Bench")
    return version
