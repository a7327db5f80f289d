"""What one trial does with its process spoils no other trial and not the run. The processes here load no torch."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from mechanisms import MODELS
from registry import UserError
from results import Measurement, Outcome, Planned
from runner.execution.engines import Advanced, Ended, LocalEngine, Started
from runner.execution.engines.local import Limits
from runner.execution.engines.local import engine as engine_module
from runner.execution.engines.local import limits as limits_module
from runner.execution.engines.local import process as process_module
from runner.probes import PROBES
from runner.training.recipe import Recipe
from runner.trial.trial import Trial
from tasks import TASKS

TARGET = "tests.runner.execution.workers:work"
TRIAL = Trial(MODELS.spec("gru"), 0, Recipe(), (PROBES.spec("accuracy"),), TASKS.spec("copy"), device="cpu").to_json()


@pytest.fixture
def engine(tmp_path):
    def _engine(*, workers=2, seconds=30.0, memory=10**9, log=10**6, target=TARGET):
        return LocalEngine(tmp_path, "cpu", [0], workers, Limits(seconds, memory, log), {"loss"}, target, ())

    return _engine


def planned(*keys):
    return [Planned(key, TRIAL, properties={"sent": {"outcome": Outcome("ok").to_json()}}) for key in keys]


def ended(events):
    """Return how the trials ended, by key. Each must be told once."""
    found = [event for event in events if isinstance(event, Ended)]
    outcomes = {event.trial.key: event.outcome for event in found}
    assert len(outcomes) == len(found)
    return outcomes


def run(engine, *keys):
    return ended(engine.run(planned(*keys)))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_soon(condition, seconds=5.0):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def test_a_trial_reports_its_progress_and_its_outcome(engine):
    events = [event for event in engine().run(planned("fine-1", "fine-2")) if event is not None]
    one = planned("fine-1")[0]
    assert [event for event in events if event.trial == one][:2] == [Started(one), Advanced(one, 1, 2)]
    assert [outcome.outcome for outcome in ended(events).values()] == ["ok", "ok"]
    assert ended(events)["fine-1"].measurements == (Measurement("accuracy", "loss", 0.5, {"step": 3}),)
    assert ended(events)["fine-1"].seconds < 5


FAULTS = {
    "garbage": ("crashed", "it wrote something else than a message to the runner: '\\x00\\xff garbage {'"),
    "half": ("crashed", "its process ended with exit code 0 and without a result"),
    "forged": ("crashed", "it sent a message that does not name its trial"),
    "foreign": ("crashed", "it sent a message that does not name its trial"),
    "lacking": ("crashed", "it sent an outcome that is none: its fields are others"),
    "undeclared": ("crashed", "it sent an outcome that is none: it measures 'glory', which nothing declares"),
    "twice": ("crashed", "it sent another message after its outcome"),
    "backwards": ("crashed", "it sent a message that means nothing: {\"done\": 3, \"total\": -2}"),
    "deep": ("crashed", "it wrote something else than a message to the runner: "),
    "floods": ("crashed", "it sent more than "),
    "endless": ("crashed", "it sent a message of more than 64 MB"),
    "exits": ("crashed", "its process ended with exit code 3 and without a result; the last line of its log is: what"),
    "realtime": ("crashed", "its process was killed by signal 40"),
    "processor": ("timeout", "it used up the processor time that this machine allows"),
    "raises": ("crashed", "exit code 1 and without a result; the last line of its log is: ValueError: not with me"),
    "closes": ("crashed", "it closed its connection to the runner"),
}  # fmt: skip


def test_a_fault_spoils_its_own_trial_only(engine, monkeypatch):
    monkeypatch.setattr(process_module, "LEAVE_SECONDS", 0.5)
    outcomes = run(engine(workers=3), "fine-1", *FAULTS, "fine-2")
    for name, (outcome, reason) in FAULTS.items():
        assert outcomes[name].outcome == outcome, (name, outcomes[name])
        assert reason in outcomes[name].reason, (name, outcomes[name])
    assert outcomes["fine-1"].outcome == outcomes["fine-2"].outcome == "ok"


def test_a_limit_of_time_ends_a_trial_that_does_not_listen(engine, monkeypatch):
    monkeypatch.setattr(process_module, "TERM_SECONDS", 0.2)
    outcomes = run(engine(seconds=0.4), "hangs", "stops")
    assert {name: each.outcome for name, each in outcomes.items()} == {"hangs": "timeout", "stops": "timeout"}
    assert outcomes["hangs"].reason == "it exceeded the limit of 0.4 seconds"


def test_limits_of_memory_and_log_count_what_is_hidden(engine, monkeypatch):
    monkeypatch.setattr(limits_module, "SCAN_SECONDS", 0.1)
    outcomes = run(engine(workers=3, memory=100_000_000), "eats", "babbles", "fine")
    assert {name: each.outcome for name, each in outcomes.items()} == {
        "eats": "oom",
        "babbles": "crashed",
        "fine": "ok",
    }
    assert outcomes["eats"].reason == "it exceeded the limit of 0.1 GB of memory", "it is its child that eats"
    log = "it wrote more than 1 MB to its log; the last line of its log is: "
    assert outcomes["babbles"].reason.startswith(log), "although it has removed the file"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes through /proc")
def test_no_process_stays_and_none_has_what_is_not_its_own(engine, tmp_path):
    outcomes = run(engine(), "leaves", "handles")
    assert outcomes["leaves"].outcome == "ok"
    left = {name: int((tmp_path / name).read_text()) for name in ("child", "orphan")}
    assert is_soon(lambda: not any(map(alive, left.values()))), left
    pipe = outcomes["handles"].path
    assert outcomes["handles"].reason == f"0 1 2 {pipe}"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["child", "logs", "orphan"]
    assert sorted(each.name for each in (tmp_path / "logs").iterdir()) == ["handles.log", "leaves.log"]


def test_an_engine_runs_twice_and_removes_what_a_killed_trial_has_half_written(engine, tmp_path):
    one = engine()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".fine.training.pt.x1y2").touch()
    (tmp_path / "checkpoints" / "other.training.pt").touch()
    for _ in range(2):
        events = [event for event in one.run(planned("fine")) if event is not None]
        assert events[0] == Started(planned("fine")[0])
        assert ended(events)["fine"].outcome == "ok"
    assert [each.name for each in (tmp_path / "checkpoints").iterdir()] == ["other.training.pt"]


def test_a_new_fork_server_runs_again_what_was_not_at_fault(engine):
    outcomes = run(engine(), "later", "parricide", "fine")
    assert {name: each.outcome for name, each in outcomes.items()} == {
        "later": "ok", "fine": "ok", "parricide": "crashed"
    }  # fmt: skip
    reason = "3 times while it ran, the process that starts trials ended: it was killed by SIGKILL"
    assert outcomes["parricide"].reason == reason


def test_a_fork_server_that_somebody_kills_costs_nothing(engine):
    outcomes = run(engine(), "once", "slow")
    assert {name: each.outcome for name, each in outcomes.items()} == {"once": "ok", "slow": "ok"}


def test_a_file_where_the_folder_of_logs_should_be_is_named(engine):
    blocked = engine()
    (blocked.folder / "logs").write_text("a file")
    with pytest.raises(UserError, match=r"cannot run: .*/logs cannot be used: File exists$"):
        run(blocked, "fine")


def test_a_fork_server_that_cannot_run_is_an_error(engine, tmp_path, monkeypatch):
    with pytest.raises(UserError) as error:
        run(engine(target="tests.runner.execution.no_such_module:work"), "fine")
    assert str(error.value).startswith("the process that starts trials cannot run: it ended with exit code 1")
    assert "No module named 'tests.runner.execution.no_such_module'" in str(error.value)


def test_a_stop_lets_trials_write_a_checkpoint(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "GRACE_SECONDS", 1.5)
    one = engine()
    outcomes = []
    for event in one.run(planned("polite", "hangs", "fine")):
        if isinstance(event, Started) and event.trial.key == "hangs":
            one.stop()
        if isinstance(event, Ended):
            outcomes.append((event.trial.key, event.outcome.outcome, event.outcome.reason))
    assert sorted(outcomes) == [
        ("hangs", "interrupted", "it was stopped without a checkpoint"),
        ("polite", "interrupted", "at step 3 of 9"),
    ]


def test_a_trial_that_somebody_else_stops_goes_on(engine):
    """SIGTERM to its process alone. It is stopped again and again here, which is a fault."""
    outcomes = {}
    one = engine(workers=1)
    for event in one.run(planned("polite", "fine")):
        for process in one._running:
            if process._ready:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
        if isinstance(event, Ended):
            outcomes[event.trial.key] = event.outcome.outcome, event.outcome.reason
    reason = "it was stopped 4 times by a signal, though not by the runner; last at step 3 of 9"
    assert outcomes == {"polite": ("crashed", reason), "fine": ("ok", None)}


def test_an_engine_that_is_left_kills_its_trials(engine):
    one = engine()
    events = one.run(planned("hangs", "slow"))
    for event in events:
        if event is None and len(one._running) == 2 and all(each._ready for each in one._running):
            break
    server = one._launcher._process.pid
    pids = [server, *(each.pid for each in one._running)]
    assert all(map(alive, pids))
    events.close()
    assert is_soon(lambda: not any(map(alive, pids)))
