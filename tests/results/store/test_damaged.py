"""A store that is damaged, locked, moved or on a full disk: one sentence, and never a wrong result."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import results
from registry import UserError
from results import Array, Measurement, Outcome, Store
from results.store import connection
from tests.results.trials import planned

STORE = "results.sqlite"
ROWS = [planned(str(number) * 8, "lstm", "copy", length=20, seed=number) for number in range(5)]


def fill(path: Path) -> bytes:
    array = Array("weights", (3,), "uint8", b"abc", {"layer": 1})
    with Store(path) as store:
        store.plan(ROWS, {"torn": "SyntaxError"})
        for row in ROWS[:-1]:
            at = [{"stage": "validation", "step": step} for step in range(9)]
            measured = tuple(Measurement("accuracy", "normalised", 0.1 * each["step"], each) for each in at)
            store.finish(row.key, Outcome("ok", measurements=measured, arrays=(array,)))
    return path.read_bytes()


def everything(path: Path) -> str:
    with Store(path, read_only=True) as store:
        known = [store.snapshot(), store.arrays(), store.unavailable(), store.quantities(), store.finished()]
        return repr([*known, store.attempts()])


def changed(whole: bytes, number: int) -> bytes:
    """The file with some bytes changed, or cut off."""
    draw = random.Random(number)
    made = bytearray(whole)
    for _ in range(draw.choice([1, 1, 4, 50])):
        made[draw.randrange(len(made))] = draw.randrange(256)
    return bytes(made[: draw.randrange(1, len(made))] if number % 6 == 0 else made)


@pytest.mark.parametrize("many", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_changed_bytes_give_a_sentence_or_the_same_results(tmp_path: Path, many: int) -> None:
    path = tmp_path / STORE
    whole = fill(path)
    before, refused = everything(path), 0
    for number in range(many):
        path.write_bytes(changed(whole, number))
        try:
            assert everything(path) == before, number
        except UserError:
            refused += 1
        try:
            with Store(path) as store:
                store.plan(ROWS)
                assert store.finished() == {row.key: "ok" for row in ROWS[:-1]}, number
                store.finish(ROWS[-1].key, Outcome("ok"))
        except UserError:
            pass
    assert refused > many / 3


@pytest.mark.parametrize("statement", ["value = 0.25", "quantity = 'loss'", "coordinates = '{}'"])
def test_a_value_that_was_not_written_is_no_result(tmp_path: Path, statement: str) -> None:
    fill(tmp_path / STORE)
    with sqlite3.connect(tmp_path / STORE) as db:
        db.execute(f"UPDATE measurement SET {statement} WHERE rowid = 3")
    db.close()
    with pytest.raises(UserError, match=r"a row is not what was written; move it away and run the suite again"):
        results.load(tmp_path)


def test_a_plan_does_not_take_damage_for_what_was_written(tmp_path: Path) -> None:
    fill(tmp_path / STORE)
    with sqlite3.connect(tmp_path / STORE) as db:
        db.execute("UPDATE trial SET outcome = 'diverged' WHERE position = 1")
    db.close()
    with Store(tmp_path / STORE) as store, pytest.raises(UserError, match="not what was written"):
        store.plan(ROWS)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def folder(path: Path) -> None:
    path.mkdir()


def to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "no folder" / "no file")


def circle(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [empty, folder, to_nowhere, circle])
def test_what_cannot_be_opened_is_a_sentence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / STORE)
    with pytest.raises(UserError, match=r"holds no results|there is no run at"):
        results.load(tmp_path)
    if make is empty:
        Store(tmp_path / STORE).close()
        assert results.load_trials(tmp_path).empty
    else:
        with pytest.raises(UserError, match=r"is no file|cannot be opened"):
            Store(tmp_path / STORE)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.0)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another program that has the file open."""
    fill(tmp_path / STORE)
    db = sqlite3.connect(tmp_path / STORE, isolation_level=None)
    yield db
    db.close()


@pytest.mark.usefixtures("impatient")
def test_a_locked_file_is_waited_for_and_then_a_sentence(tmp_path: Path, other: sqlite3.Connection) -> None:
    locked = r"results\.sqlite is locked by another program; end that program, and give the same command again"
    with Store(tmp_path / STORE) as store:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match=locked):
            store.finish(ROWS[-1].key, Outcome("ok"))
        for read_only in (True, False):
            with pytest.raises(UserError, match=locked):
                Store(tmp_path / STORE, read_only=read_only)
        other.execute("ROLLBACK")
        store.finish(ROWS[-1].key, Outcome("ok"))
        other.execute("BEGIN")
        other.execute("SELECT * FROM trial").fetchall()
        with pytest.raises(UserError, match=locked):
            store.finish(ROWS[-1].key, Outcome("failed"))
        other.execute("ROLLBACK")
        assert store.finished()[ROWS[-1].key] == "ok", "nothing of what could not be written is left"


def test_a_full_disk_is_a_sentence_and_the_next_attempt_goes_on(tmp_path: Path) -> None:
    fill(tmp_path / STORE)
    with Store(tmp_path / STORE) as store:
        (pages,) = store._db.values("PRAGMA page_count")
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        large = Outcome("ok", arrays=(Array("weights", (2**17,), "uint8", bytes(2**17)),))
        with pytest.raises(UserError, match=r"cannot be written, because the disk is full; make space"):
            store.finish(ROWS[-1].key, large)
        assert ROWS[-1].key not in store.finished()
        store._db.execute("PRAGMA max_page_count = 100000")
        store.finish(ROWS[-1].key, large)
    assert len(results.load_trials(tmp_path)) == 5


def test_another_working_directory_is_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / STORE)
    monkeypatch.chdir(tmp_path)
    with Store(STORE) as store:
        monkeypatch.chdir("/")
        assert len(store.trials()) == 5


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.write_bytes(path.with_name("old").read_bytes())


def overwritten(path: Path) -> None:
    path.write_bytes(b"garbage " * 9999)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(5000)


@pytest.mark.parametrize("spoil", [deleted, replaced, overwritten, cut, empty])
def test_a_file_that_somebody_changes_is_a_sentence(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    fill(tmp_path / STORE)
    with Store(tmp_path / STORE) as store:
        spoil(tmp_path / STORE)
        with pytest.raises(UserError, match=r"was deleted or replaced|cannot be read as the results of a run"):
            store.finish(ROWS[-1].key, Outcome("ok"))
        with pytest.raises(UserError, match=r"was deleted or replaced|cannot be read as the results of a run"):
            store.trials()


@pytest.mark.parametrize("wrong", [{"value": 10**400}, {"value": [1]}, {"quantity": None}, {"at": {"step": 1j}}])
def test_an_outcome_that_cannot_be_stored_leaves_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    measurement = Measurement(**{"probe": "accuracy", "quantity": "loss", "value": 1.0, **wrong})
    with Store(tmp_path / STORE) as store:
        store.plan(ROWS)
        with pytest.raises(ValueError, match="its outcome cannot be stored"):
            store.finish(ROWS[0].key, Outcome("ok", measurements=(measurement,)))
        assert store.finished() == store.attempts() == {}


def test_a_reason_with_a_lone_surrogate_is_stored(tmp_path: Path) -> None:
    with Store(tmp_path / STORE) as store:
        store.plan(ROWS, {"a\ud800": "b\udfff"})
        store.finish(ROWS[0].key, Outcome("failed", "no \ud800 score"))
        assert store.trials()[0]["reason"] == r"no \ud800 score"
        assert store.unavailable() == {r"a\ud800": r"b\udfff"}
