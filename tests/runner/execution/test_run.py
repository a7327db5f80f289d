"""What is run again, how often, and what is no fault of a trial; with an engine that is made up."""

import errno
import os

import pytest
from filelock import FileLock

from registry import UserError
from results import Outcome, Store, load_trials, read
from results.views import VIEWS
from runner.cli.tables import status_table
from runner.execution import manifest
from runner.execution import run as module
from runner.execution.engines import Ended
from runner.execution.run import Closed, Opened, Retried, require_unchanged, run
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.trial.imports import tree_digest
from runner.trial.key import key_of, read_sources_again
from runner.trial.trial import Trial
from tests.runner.conftest import ROOT

CRASHED = Outcome("crashed", "its process was killed by SIGKILL")
LATE = Outcome("timeout", "it exceeded the limit of 1 seconds")
FAILED = Outcome("failed", "RuntimeError: no score today")
WELL = Outcome("ok")


class Driver:
    """Runs a plan of two trials, of gru and of lstm, that end as `script` says, attempt by attempt."""

    def __init__(self, folder, patch, tiny):
        self.folder, self.patch, self.tiny = folder, patch, tiny
        self.ran, self.plan = [], None

    def __call__(self, script, *, retries=None, **options):
        left = {name: list(outcomes) for name, outcomes in script.items()}
        driver = self
        driver.ran = []

        class Scripted:
            def __init__(self, *settings, **options):
                pass

            def stop(self):
                pass

            def run(self, trials):
                for trial in trials:
                    name = trial.trial["mechanism"]["name"]
                    driver.ran.append(name)
                    outcome = left[name].pop(0)
                    if callable(outcome):
                        outcome = outcome()
                    yield Ended(trial, outcome)

        self.patch.setattr(module, "LocalEngine", Scripted)
        changes = {} if retries is None else {"retries": str(retries)}
        file = SuiteFile(self.tiny(mechanisms="[gru, lstm]", **changes))
        self.plan = self.plan or make_plan(file)
        return list(run(file, self.plan, self.folder, workers=1, **options))

    @property
    def outcomes(self):
        return dict(zip(load_trials(self.folder)["mechanism"], load_trials(self.folder)["outcome"], strict=True))

    def attempts(self, name):
        key = load_trials(self.folder).set_index("mechanism").loc[name, "trial"]
        with Store(self.folder / "results.sqlite", read_only=True) as store:
            return [(each.number, each.outcome) for each in store.attempts()[key]]


@pytest.fixture
def drive(tmp_path, monkeypatch, tiny):
    monkeypatch.setattr(manifest, "commit", lambda: None)  # git takes longer than all the rest
    return Driver(tmp_path / "run", monkeypatch, tiny)


def test_nothing_runs_again_unless_the_suite_says_so(drive):
    drive({"gru": [CRASHED], "lstm": [LATE]})
    assert drive.outcomes == {"gru": "crashed", "lstm": "timeout"}
    drive({})
    assert drive.ran == []


def test_a_crash_and_a_timeout_run_again_after_the_others(drive):
    events = drive({"gru": [CRASHED, WELL], "lstm": [LATE, FAILED]}, retries=2)
    assert drive.ran == ["gru", "lstm", "gru", "lstm"], "what failed by its own fault does not run again"
    assert drive.outcomes == {"gru": "ok", "lstm": "failed"}
    assert drive.attempts("gru") == [(1, "crashed"), (2, "ok")]
    assert [type(event) for event in events] == [Opened, Retried, Retried, Ended, Ended, Closed]
    assert events[-1].failed == 1


def test_the_last_attempt_counts(drive):
    drive({"gru": [CRASHED, LATE, CRASHED], "lstm": [WELL]}, retries=2)
    assert drive.outcomes == {"gru": "crashed", "lstm": "ok"}
    assert drive.attempts("gru") == [(1, "crashed"), (2, "timeout"), (3, "crashed")]
    drive({}, retries=2)
    assert drive.ran == []
    drive({"gru": [CRASHED, CRASHED, WELL]}, retries=2, retry=True)
    assert drive.ran == ["gru"] * 3, "with --retry all attempts are there again"


def killed():
    raise RuntimeError("as if the driver were killed")


def test_a_killed_run_keeps_count(drive):
    with pytest.raises(RuntimeError, match="as if"):
        drive({"gru": [CRASHED], "lstm": [killed]}, retries=1)
    drive({"gru": [CRASHED], "lstm": [WELL]}, retries=1)
    assert drive.outcomes == {"gru": "crashed", "lstm": "ok"}
    assert drive.attempts("gru") == [(1, "crashed"), (2, "crashed")]


def test_status_and_report_say_what_was_tried(drive, capsys):
    from rich.console import Console

    drive({"gru": [CRASHED, WELL], "lstm": [WELL]}, retries=1)
    status_table(Console(width=200), drive.folder)
    reason = "crashed: its process was killed by SIGKILL"
    assert f"ok after 2 attempts: gru · copy · seed 0: {reason}" in capsys.readouterr().out
    table = VIEWS["outcomes"]().table(read(drive.folder))
    assert [row[2:] for row in table.rows()] == [["ok after 2 attempts", "1", reason]]


@pytest.mark.parametrize("retries", ["-1", "11", "1.0", "yes", "'1'", "[1]", "null"])
def test_retries_is_a_small_whole_number(tiny, retries):
    with pytest.raises(UserError, match=r"retries is .*; a whole number from 0 to 10 was expected"):
        SuiteFile(tiny(retries=retries))


@pytest.mark.parametrize("outcome", [FAILED, CRASHED])
def test_a_full_disk_is_no_fault_of_a_trial(drive, monkeypatch, outcome):
    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fail():
        monkeypatch.setattr(os, "fsync", full)
        return outcome

    with pytest.raises(UserError, match=r"cannot write to .*run: No space left on device; give the same command"):
        drive({"gru": [WELL], "lstm": [fail]})
    monkeypatch.undo()
    assert drive.outcomes["gru"] == "ok"
    drive({"lstm": [WELL]})
    assert (drive.ran, drive.outcomes) == (["lstm"], {"gru": "ok", "lstm": "ok"})


def test_a_trial_whose_outcome_cannot_be_stored_has_failed(drive):
    from results import Measurement

    large = Outcome("ok", measurements=(Measurement("accuracy", "loss", 10**400),))
    drive({"gru": [large], "lstm": [WELL]})
    assert drive.outcomes == {"gru": "failed", "lstm": "ok"}


@pytest.mark.parametrize("content", [b"", b"garbage " * 9999])
def test_a_store_that_is_overwritten_ends_the_run_and_the_next_one_begins_anew(drive, content):
    def overwrite():
        (drive.folder / "results.sqlite").write_bytes(content)
        return WELL

    with pytest.raises(
        UserError, match=r"was damaged or overwritten during the run, and is now results.sqlite.damaged"
    ):
        drive({"gru": [WELL], "lstm": [overwrite]})
    assert (drive.folder / "results.sqlite.damaged").read_bytes() == content
    drive({"gru": [WELL], "lstm": [WELL]})
    assert drive.outcomes == {"gru": "ok", "lstm": "ok"}


def test_a_store_that_is_deleted_ends_the_run_and_the_next_one_begins_anew(drive):
    def delete():
        (drive.folder / "results.sqlite").unlink()
        return WELL

    with pytest.raises(UserError, match=r"was deleted or replaced during its use; give the same command again"):
        drive({"gru": [WELL], "lstm": [delete]})
    drive({"gru": [WELL], "lstm": [WELL]})
    assert drive.outcomes == {"gru": "ok", "lstm": "ok"}


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"timings": 3}', "[" * 100_000, '{"timings": {"a": {"seconds": 1}}}']
)
def test_a_damaged_manifest_is_written_again(drive, content):
    drive({"gru": [WELL], "lstm": [WELL]})
    whole = (drive.folder / "manifest.json").read_text()
    (drive.folder / "manifest.json").write_text(content)
    drive({})
    assert len((drive.folder / "manifest.json").read_text()) == len(whole)


def test_a_second_driver_is_told_to_wait(drive):
    drive({"gru": [WELL], "lstm": [WELL]})
    with FileLock(drive.folder / ".lock"), pytest.raises(UserError, match=r"another run is writing to .*; wait until"):
        drive({})


def test_a_lock_that_is_a_folder_is_named(drive):
    (drive.folder / ".lock").mkdir(parents=True)
    with pytest.raises(UserError, match=r"^cannot write to .*/run/\.lock: Is a directory$"):
        drive({})


def test_sessions_have_different_names_whatever_the_clock_says(drive, monkeypatch):
    drive({"gru": [CRASHED], "lstm": [WELL]})
    real = module.datetime
    for _ in range(2):
        monkeypatch.setattr(
            module, "datetime", type("Clock", (), {"now": staticmethod(lambda zone: real.fromtimestamp(0, zone))})
        )
        drive({"gru": [CRASHED]}, retry=True)
    key = load_trials(drive.folder).set_index("mechanism").loc["gru", "trial"]
    with Store(drive.folder / "results.sqlite", read_only=True) as store:
        sessions = [each.session for each in store.attempts()[key]]
    assert len(set(sessions)) == 3
    assert sessions[1].startswith("1970-01-01T00:00:00.000+00:00")


def test_a_module_that_changed_after_the_plan_ends_the_run(write, monkeypatch):
    helper = write("sure_helper.py", "VALUE = 1\n")
    monkeypatch.syspath_prepend(str(helper.parent))
    read_sources_again()
    planned = {"sure_helper": tree_digest("sure_helper")}
    require_unchanged(planned)
    helper.write_text("VALUE = 2\n")
    with pytest.raises(UserError, match="sure_helper changed after the run was planned; give the same command again"):
        require_unchanged(planned)
    helper.unlink()
    with pytest.raises(UserError, match="sure_helper changed after the run was planned"):
        require_unchanged(planned)


@pytest.mark.parametrize("suite", ["quick", "attention", "pretraining", "scaling"])
def test_the_process_of_a_trial_makes_the_key_of_the_plan(suite):
    plan = make_plan(SuiteFile(ROOT / "suites" / f"{suite}.yaml"), [], "cpu")
    keys = {each.key: key_of(Trial.from_json(each.trial, each.key)) for each in plan.planned if each.reason is None}
    assert list(keys) == list(keys.values())
