"""What a trial's process says of errors, before it measures and while it does."""

import signal
import socket

import pytest

from results import Outcome, Planned
from runner.execution.engines.local import worker
from runner.execution.engines.local.job import Job
from runner.execution.engines.local.messages import decode, encode


@pytest.fixture
def usual_handler():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_an_error_before_it_measures_is_the_reason(tmp_path, monkeypatch, usual_handler):
    def refuse(job):
        raise ValueError("not allowed to exceed maximum limit")

    monkeypatch.setattr(worker, "_settle", refuse)
    here, there = socket.socketpair()
    with here, there:
        worker.work(Job(Planned("k", {}), "cpu", tmp_path, [0], 60.0).to_json(), there)
        sent = here.recv(10_000)
    outcome = decode(sent, "k")
    assert isinstance(outcome, Outcome)
    assert outcome.outcome == "crashed"
    reason = "its process could not be set up: ValueError: not allowed to exceed maximum limit (test_worker.py:"
    assert outcome.reason.startswith(reason)


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError: no message"),
        (SystemExit(3), "SystemExit: 3"),
        (Unspeakable(), "Unspeakable: its text cannot be made: RuntimeError"),
        (ValueError("\ud800 lone"), "ValueError: \\ud800 lone"),
        (ValueError("x" * 10**6), "ValueError: " + "x" * 499 + "…"),
        (type("E" * 10**4, (Exception,), {})("long"), "E" * 499 + "…: long"),
    ],
)
def test_the_sentence_of_any_error_can_be_sent(error, sentence):
    assert worker._sentence(error) == sentence
    assert isinstance(decode(encode(Outcome("failed", sentence), "k"), "k"), Outcome)


def test_progress_is_a_message_whatever_a_probe_counts(monkeypatch):
    monkeypatch.setattr(worker, "PROGRESS_SECONDS", -1.0)
    here, there = socket.socketpair()
    with here, there:
        channel = worker._Channel(there, "k")
        for done, total in ((-3, 5), (9, 5), (2.5, 5.0)):
            channel.progress(done, total)
        lines = here.recv(10_000).splitlines()
    assert [(each.done, each.total) for each in (decode(line, "k") for line in lines)] == [(0, 5), (5, 5), (2, 5)]
