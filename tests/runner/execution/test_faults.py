"""A fault spoils its own trial only, and is shown with its reason; a killed run loses nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from registry import UserError
from registry.plugins import FILE_PREFIX
from results import Store, load, load_trials
from tests.runner.conftest import ROOT

BAD = '''"""Scores that misbehave, each in its own way."""
import os
import signal
import time

import torch

from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("raises")
class Raises(InnerProduct):
    def score(self, query, key):
        raise RuntimeError("no score today")


@ALIGNMENTS.register("returns_nan")
class ReturnsNaN(InnerProduct):
    def score(self, query, key):
        return super().score(query, key) * float("nan")


@ALIGNMENTS.register("hangs")
class Hangs(InnerProduct):
    def score(self, query, key):
        time.sleep(1000)


@ALIGNMENTS.register("eats")
class Eats(InnerProduct):
    def score(self, query, key):
        kept = []
        while True:
            kept.append(torch.ones(25_000_000))


@ALIGNMENTS.register("exits")
class Exits(InnerProduct):
    def score(self, query, key):
        os._exit(3)


@ALIGNMENTS.register("dies")
class Dies(InnerProduct):
    def score(self, query, key):
        os.kill(os.getpid(), signal.SIGKILL)


@ALIGNMENTS.register("refuses")
class Refuses(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        raise ValueError("not with me")
'''

ALIGNMENTS = "[dot, raises, returns_nan, hangs, eats, exits, dies, refuses]"


def run_inside(shell, suite, *arguments):
    """Run a suite in this process, which has torch loaded, with plug-ins that are imported anew."""
    for name in [name for name in sys.modules if name.startswith(FILE_PREFIX)]:
        del sys.modules[name]
    return shell.inside("run", suite, "--out", shell.runs, "--device", "cpu", "--no-report", *arguments)


def outcomes(run):
    trials = load_trials(run)
    return {m: (o, r) for m, o, r in zip(trials["mechanism"], trials["outcome"], trials["reason"], strict=True)}


@pytest.mark.slow
def test_every_fault_spoils_its_own_trial_only(shell, tiny, write):
    plugin = write("bad.py", BAD)
    suite = tiny(
        mechanisms=f"[gru, transformer: {{heads: 2, alignment: {ALIGNMENTS}}}]",
        limits="{seconds: 8, memory: 1200MB}",
    )
    done = run_inside(shell, suite, "--plugin", plugin)
    assert done.returncode == 2, done.stdout + done.stderr
    found = outcomes(shell.runs / "tiny")
    assert found["gru"][0] == found["transformer(dot)"][0] == "ok"
    expected = {
        "raises": ("failed", "RuntimeError: no score today (bad.py:"),
        "returns_nan": ("diverged", "loss was nan"),
        "hangs": ("timeout", "exceeded the limit of 8 seconds"),
        "eats": ("oom", "exceeded the limit of 1.2 GB"),
        "exits": ("crashed", "exit code 3"),
        "dies": ("crashed", "killed by SIGKILL"),
        "refuses": ("failed", "ValueError: not with me"),
    }
    for name, (outcome, reason) in expected.items():
        got = found[f"transformer({name})"]
        assert got[0] == outcome, (name, got)
        assert reason in got[1], (name, got)
        assert reason in done.stdout, "it is told while the run goes on"
    assert "Traceback" not in done.stdout + done.stderr
    again = run_inside(shell, suite, "--plugin", plugin)
    assert "9 trials, 9 already finished, 0 to run" in again.stdout
    assert again.returncode == 2, "they are still failed"


SLOW = {
    "seeds": "4",
    "mechanisms": "[gru, rnn]",
    "train": "{width: 32, batch: 64, steps: 120, evaluate_every: 20, learning_rate: 0.0001}",
    "tasks": "[copy: {length: 30}]",
}


@contextmanager
def started(shell, suite):
    """A run in the background, killed at the latest when the block ends."""
    command = shell.command("run", suite, "--out", shell.runs, "--device", "cpu", "--no-report")
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=shell.environment(), **pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that in time")


def below(process):
    """Return the fork server and the processes of trials of a run."""
    server = psutil.Process(process.pid).children()
    return server, [child for one in server for child in one.children()]


def finished(run):
    try:
        with Store(run / "results.sqlite", read_only=True) as store:
            return [trial["key"] for trial in store.trials() if trial["outcome"] == "ok"]
    except (OSError, UserError, sqlite3.Error):
        return []


def alive(pids):
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}") and "Z" not in state(pid)]


def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="looks at processes through /proc")
def test_kill_dash_nine_loses_and_repeats_nothing(shell, tiny):
    suite, run = tiny(**SLOW), shell.runs / "tiny"
    with started(shell, suite) as process:
        wait_for(lambda: len(finished(run)) >= 2)
        children = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.kill()
    before = finished(run)
    assert 2 <= len(before) < 8
    values = load(run)
    wait_for(lambda: not alive(children), 30)
    done = shell.run(suite)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"8 trials, {len(before)} already finished, {8 - len(before)} to run" in done.stdout
    trials = load_trials(run)
    assert (trials["outcome"] == "ok").all()
    assert (trials.loc[trials["trial"].isin(before), "attempts"] == 1).all(), "no finished trial ran again"
    after = load(run)
    assert (
        after[after["trial"].isin(before)]
        .reset_index(drop=True)
        .equals(values[values["trial"].isin(before)].reset_index(drop=True))
    )


@pytest.mark.parametrize(
    "number",
    ["SIGHUP", *(pytest.param(each, marks=pytest.mark.slow) for each in ("SIGINT", "SIGTERM", "SIGQUIT"))],
)
def test_interrupt_checkpoints_and_the_same_command_goes_on(shell, tiny, number):
    suite, run = tiny(**{**SLOW, "seeds": "1", "train": SLOW["train"].replace("120", "4000")}), shell.runs / "tiny"
    with started(shell, suite) as process:
        wait_for(lambda: len(list((run / "logs").glob("*.log"))) == 2)
        process.send_signal(signal.Signals[number])
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Interrupted with 2 trials left. The same command continues the run." in output
    assert {o for o, _ in outcomes(run).values()} == {"interrupted"}
    assert len(list((run / "checkpoints").glob("*.pt"))) == 2
    assert "of 4000" in outcomes(run)["gru"][1]


@pytest.mark.slow
@pytest.mark.parametrize("victims", ["driver", "server", "all"])
def test_no_process_outlives_its_run(shell, tiny, victims):
    """SIGKILL while two trials run. Without its fork server the run goes on; without the driver nothing stays."""
    suite, run = tiny(**{**SLOW, "seeds": "1"}), shell.runs / "tiny"
    with started(shell, suite) as process:
        wait_for(lambda: len(below(process)[1]) == 2 and len(list((run / "logs").glob("*.log"))) == 2)
        server, trials = below(process)
        for victim in {"driver": [], "server": server, "all": server + trials}[victims]:
            victim.kill()
        if victims == "server":
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
        else:
            process.kill()
    wait_for(lambda: not alive([each.pid for each in server + trials]), 15)
    done = shell.run(suite)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {outcome for outcome, _ in outcomes(run).values()} == {"ok"}
    assert not [each for each in run.rglob(".*") if each.name != ".lock"]


@pytest.mark.slow
def test_two_runs_cannot_write_to_one_folder(shell, tiny):
    suite, run = tiny(**SLOW), shell.runs / "tiny"
    with started(shell, suite):
        wait_for(lambda: (run / "results.sqlite").exists())
        second = shell.run(suite)
        assert second.returncode == 1
        assert second.stderr.startswith("error: another run is writing to ")


@pytest.mark.slow
def test_newer_store_is_refused(shell, tiny):
    suite = tiny()
    assert shell.run(suite).returncode == 0
    with sqlite3.connect(shell.runs / "tiny" / "results.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for done in (shell.run(suite), shell("status", shell.runs / "tiny"), shell("report", shell.runs / "tiny")):
        assert done.returncode == 1
        assert "newer version of Attention Bench" in done.stderr
        assert "Traceback" not in done.stderr


def test_unwritable_output(shell, tiny, write):
    suite = tiny()
    write("runs", "a file where the folder should be")
    done = run_inside(shell, suite)
    assert done.returncode == 1
    assert "cannot write to" in done.stderr
    assert "Traceback" not in done.stderr
