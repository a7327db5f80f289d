from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import results
from registry import Quantity, UserError
from results import FORMAT, Array, Measurement, Outcome, Store
from results.store.rows import Attempt
from tests.results.trials import planned

ROW = planned("a", "lstm", "copy", length=20, seed=3)
RATE = Quantity("train", "training step", "tokens/s", better="higher", over=("length",))
SIZE = Measurement("size", "parameters", 1)
ROOT = Path(__file__).parents[3]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    measured = (
        Measurement("accuracy", "normalised", 0.5, at={"stage": "test", "length": 20}),
        Measurement("accuracy", "steps_to_solve", math.nan),
        Measurement("accuracy", "loss", math.inf, at={"stage": "train", "step": 7}),
        Measurement("gradient_flow", "gradient_norm", 1e-200, at={"stage": "initial", "length": 9, "distance": 4}),
        Measurement("throughput", "train", 2.0, at={"length": 64}, low=1.0, high=3.0),
    )
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW], quantities={"train": RATE})
        store.finish("a", Outcome("ok", None, 1.5, "fused", measurements=measured))
    frame = results.load(tmp_path)
    assert list(frame["mechanism"]) == ["lstm"] * 5
    assert frame["value"].to_list()[0] == 0.5
    assert math.isnan(frame["value"][1])
    assert math.isinf(frame["value"][2])
    assert frame["value"][3] == 1e-200
    assert frame[["low", "high", "unit"]].iloc[4].to_list() == [1.0, 3.0, "tokens/s"]
    assert set(frame["trained_length"]) == {20}
    with Store(tmp_path / "results.sqlite", read_only=True) as store:
        assert store.quantities() == {"train": RATE}
    trial = results.load_trials(tmp_path).iloc[0]
    assert (trial["outcome"], trial["path"], trial["attempts"], trial["seed"]) == ("ok", "fused", 1, 3)


def test_arrays_are_read_back_and_replaced(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="float16").reshape(2, 3)
    array = Array("weights", (2, 3), "float16", numbers.tobytes(), {"layer": 1, "keys": ["a", "b", "c"]})
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW, replace(ROW, key="b")])
        store.finish("a", Outcome("ok", arrays=(array, replace(array, at={}))))
        store.finish("b", Outcome("ok"))
        assert store.arrays() == {"a": [array, replace(array, at={})]}
        assert store.arrays()["a"][0].numbers().tolist() == [[0, 1, 2], [3, 4, 5]]
        store.finish("a", Outcome("ok", arrays=(array,)))
        assert store.arrays() == {"a": [array]}
    assert results.read(tmp_path).arrays == {"a": [array]}
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([replace(ROW, key="b")])
        assert store.arrays() == {}, "those of trials that are no longer planned are not shown"


def test_a_second_plan_keeps_outcomes_and_refreshes_the_rest(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW, replace(ROW, key="b"), replace(ROW, key="c")])
        store.finish("a", Outcome("ok", measurements=(replace(SIZE, value=10),)))
        store.finish("b", Outcome("ok", measurements=(replace(SIZE, value=20),)))
        skipped = replace(ROW, key="d", reason="too long")
        store.plan([skipped, replace(planned("a", "lstm", "reverse"), plugins=("p.py",))])
        assert [(row["key"], row["outcome"], row["trial"]["task"]["name"]) for row in store.trials()] == [
            ("d", "skipped", "copy"),
            ("a", "ok", "reverse"),
        ]
        assert [row["plugins"] for row in store.trials()] == [[], ["p.py"]]
        assert store.finished() == {"d": "skipped", "a": "ok", "b": "ok"}
        store.plan([replace(skipped, reason=None)])
        assert store.trials()[0]["outcome"] is None
        assert store.trials()[0]["reason"] is None
        store.plan([ROW])
    assert results.load(tmp_path)["value"].to_list() == [10]


def test_finishing_again_replaces_the_measurements(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW])
        store.finish("a", Outcome("timeout", "too slow", measurements=(SIZE,)))
        store.finish("a", Outcome("ok", measurements=(replace(SIZE, value=2),)))
        assert store.trials()[0]["attempts"] == 2
        assert store.trials()[0]["retried"] == "timeout: too slow"
        first, second = store.attempts()["a"]
        assert first == Attempt(1, "timeout", "too slow", 0.0, None)
        assert (second.number, second.outcome) == (2, "ok")
        with pytest.raises(KeyError):
            store.finish("nobody", Outcome("ok"))
    assert results.load(tmp_path)["value"].to_list() == [2]


def test_attempts_that_were_interrupted_or_failed_are_no_reason_to_run_again(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW])
        for outcome in ("interrupted", "crashed", "failed", "crashed", "ok"):
            store.finish("a", Outcome(outcome, f"it was {outcome}"))
        assert (store.trials()[0]["attempts"], store.trials()[0]["retried"]) == (5, "crashed: it was crashed")


def test_a_failing_finish_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW])
        with pytest.raises(ValueError, match="cannot be stored: NOT NULL constraint failed"):
            store.finish("a", Outcome("ok", measurements=(SIZE, replace(SIZE, probe=None))))  # type: ignore[arg-type]
        assert store.finished() == {}
        store.finish("a", Outcome("ok"))
        assert store.finished() == {"a": "ok"}


@pytest.mark.parametrize("spill", [False, True])
def test_a_killed_writer_loses_no_finished_trial(tmp_path: Path, spill: bool) -> None:
    # With a tiny cache SQLite writes into the file before the commit, so there is something to undo.
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from results import Measurement, Outcome, Store
from tests.results.trials import planned
store = Store({str(tmp_path / "results.sqlite")!r})
store.plan([planned(str(i), "lstm") for i in range(3)])
store.finish("0", Outcome("ok", measurements=tuple(Measurement("p", "q", i) for i in range(3000))))
if {spill}:
    store._db.sqlite.execute("PRAGMA cache_size = 2")
def rows():
    for i in range(3000):
        yield Measurement("p", "q" * 50, i)
    os.kill(os.getpid(), signal.SIGKILL)
db = store._db.sqlite
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE trial SET outcome = 'ok' WHERE key = '1'")
db.execute("DELETE FROM measurement WHERE trial = '0'")
for row in rows():
    statement = "INSERT INTO measurement (trial, probe, quantity, value, coordinates) VALUES ('1', 'p', ?, ?, '{{}}')"
    db.execute(statement, (row.quantity, row.value))
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (tmp_path / "results.sqlite-journal").exists()
    assert sorted(results.load(tmp_path)["value"]) == list(range(3000))
    with Store(tmp_path / "results.sqlite") as store:
        assert store.finished() == {"0": "ok"}
        store.finish("1", Outcome("ok"))


def test_a_reader_sees_the_run_going_on(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW])
        assert results.load(tmp_path).empty
        assert len(results.load_trials(tmp_path)) == 1
        store.finish("a", Outcome("ok", measurements=(SIZE,)))
        assert len(results.load(tmp_path)) == 1
    with Store(tmp_path / "results.sqlite", read_only=True) as store, pytest.raises(UserError, match="read-only"):
        store.plan([])


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    Store(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    newer = rf"written by a newer version of Attention Bench \(format {FORMAT + 1}, this one reads {FORMAT}\)"
    with pytest.raises(UserError, match=newer):
        Store(path)
    with pytest.raises(UserError, match="newer version"):
        results.load(tmp_path)


def test_an_older_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE cell (key TEXT PRIMARY KEY)")
    db.execute("PRAGMA user_version = 1")
    db.close()
    before = path.read_bytes()
    older = (
        rf"older version of Attention Bench \(format 1, this one reads {FORMAT}\); "
        r"move the run's folder away, or name another with --out, and run the suite again"
    )
    for read_only in (False, True):
        with pytest.raises(UserError, match=older):
            Store(path, read_only=read_only)
    with pytest.raises(UserError, match=older):
        results.load(tmp_path)
    assert path.read_bytes() == before


def test_what_is_unavailable_is_of_the_last_plan(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([ROW], {"torn": "SyntaxError", "lost": "no such file"})
        assert store.unavailable() == {"lost": "no such file", "torn": "SyntaxError"}
        store.plan([ROW])
        assert store.unavailable() == {}


def test_an_outcome_goes_to_json_and_back() -> None:
    outcome = Outcome("timeout", "too slow", 1.5, "plain", (Measurement("p", "q", 1.0, {"step": 3}, 0.5, 2.0),))
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome
    with pytest.raises(ValueError, match="unknown outcome 'fine'"):
        Outcome.from_json({**outcome.to_json(), "outcome": "fine"})


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    path.write_text("this is not a database, whatever its name may say" * 100)
    with pytest.raises(UserError, match="cannot be read"):
        Store(path)
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other (x)")
    db.close()
    with pytest.raises(UserError, match="not one of Attention Bench"):
        Store(path)


def test_a_missing_run_names_the_nearest(tmp_path: Path) -> None:
    Store(tmp_path / "quick" / "results.sqlite").close()
    with pytest.raises(UserError, match=r"no run at .*quik\. Did you mean .*quick\?"):
        results.load(tmp_path / "quik")
    with pytest.raises(UserError, match=r"no run at .*zzzz\. There are: quick\."):
        results.load_trials(tmp_path / "zzzz")


def test_importing_is_cheap() -> None:
    code = (
        "import sys, results; sys.exit(any(name in sys.modules for name in ('pandas', 'numpy', 'matplotlib', 'torch')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=False).returncode == 0
