"""Requests to end: files that are half written are removed, and running trials are asked to stop."""

import contextlib
import io
import runpy
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from results.store.files import replacing
from runner.cli.progress import follow
from runner.cli.signals import ending_like_an_interrupt
from runner.execution.run import Closed, Opened, Stopping, _interrupts
from tests.runner.conftest import ROOT

REQUESTS = [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]


class Engine:
    stopped = 0

    def stop(self):
        self.stopped += 1


@pytest.fixture
def usual():
    before = {number: signal.getsignal(number) for number in (*REQUESTS, signal.SIGINT)}
    yield before
    assert {number: signal.getsignal(number) for number in before} == before, "handlers are restored"


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_to_end_leaves_no_half_of_a_file(tmp_path, usual, number):
    def write():
        with ending_like_an_interrupt(), replacing(tmp_path / "report.html") as file:
            file.write(b"half")
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_a_finaliser_swallows_is_sent_again(usual):
    class Final:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def drop():
        with ending_like_an_interrupt():
            Final()
            time.sleep(5)

    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        drop()
    assert sys.unraisablehook is before


def test_an_interrupt_that_an_import_swallows_is_no_error(usual):
    def half_loaded():
        with ending_like_an_interrupt():
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            raise AttributeError("module 'numpy' has no attribute 'matrix'")

    with pytest.raises(KeyboardInterrupt):
        half_loaded()


TWICE = """
import atexit, signal
from runner.cli import main
atexit.register(signal.raise_signal, signal.SIGINT)
main.app = lambda: signal.raise_signal(signal.SIGTERM)
main.main()
"""


def test_a_second_request_does_not_change_how_a_command_ends():
    done = subprocess.run([sys.executable, "-c", TWICE], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")


def test_an_interrupt_during_the_first_imports_is_no_error(monkeypatch):
    class Interrupts:
        def find_spec(self, name, path=None, target=None):
            if name == "runner.cli.main":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "runner.cli.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupts(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("runner", run_name="__main__")
    assert ended.value.code == 130


@pytest.mark.parametrize("number", [signal.SIGINT, *REQUESTS])
def test_the_first_request_stops_the_engine_and_the_second_ends_at_once(usual, number):
    engine = Engine()
    with _interrupts(engine) as interrupted:
        assert not interrupted[0]
        signal.raise_signal(number)
        assert interrupted[0]
        assert engine.stopped == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_nohup_holds(usual):
    engine, before = Engine(), signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_like_an_interrupt(), _interrupts(engine) as interrupted:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupted[0]
    finally:
        signal.signal(signal.SIGHUP, before)


class Closing(io.StringIO):
    """A terminal that is closed."""

    closing = False

    def write(self, text):
        if self.closing:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_closed_terminal_does_not_keep_trials_from_their_checkpoints():
    class Plan:
        name, trials, skipped = "tiny", [], []

    terminal, closed = Closing(), Closed({}, True)

    def events():
        yield Opened([], 1)
        terminal.closing = True
        yield Stopping()
        yield None
        yield closed

    assert follow(Console(file=terminal, force_terminal=True), Plan(), "runs/tiny", events()) is closed
