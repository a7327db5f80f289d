"""What a person sees: plain lines in a pipe, bars on a terminal, and an estimate that learns."""

import io

import pytest
from rich.console import Console

from mechanisms import MODELS
from results import Outcome, Planned
from runner.cli.progress import Estimate, LiveDisplay, PlainDisplay, clock, display
from runner.execution.engines import Advanced, Ended, Started
from runner.probes import PROBES
from runner.training.recipe import Recipe
from runner.trial.trial import Trial
from tasks import TASKS


def planned(key, mechanism="gru", task="copy", machine=None):
    """A trial of the plan; timed on a machine it has no task."""
    trial = Trial(
        mechanism=MODELS.spec(mechanism),
        seed=0,
        recipe=Recipe(),
        probes=(PROBES.spec("accuracy" if task else "throughput"),),
        task=TASKS.spec(task) if task else None,
        machine=machine,
    )
    return Planned(key, trial.to_json())


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (7.4, "0:07"), (75, "1:15"), (3671, "1:01:11")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_estimate_by_hand():
    """Two workers; 4 s for a gru on copy, 10 s alone for a timing."""
    timed = {"task": None, "machine": "fast, 2 cores"}
    trials = [planned("a"), planned("b"), planned("c", "lstm"), planned("d", **timed), planned("e", **timed)]
    estimate = Estimate(trials, workers=2)
    assert estimate.seconds() is None
    estimate.ended("a", 4.0)
    # b as a (4), c as any trained trial on copy (4), the two alone by the first guess (1 each).
    assert estimate.seconds() == pytest.approx((4 + 4) / 2 + 1 + 1)
    estimate.ended("d", 10.0)
    assert estimate.seconds() == pytest.approx((4 + 4) / 2 + 10)


def test_estimate_prefers_what_is_most_alike():
    """The same mechanism with the same settings first, then one of the same name, then any on that task."""
    two = {"lstm": {"layers": 2}}
    trials = [planned("a"), planned("b", "lstm"), planned("c", "lstm"), planned("d", two), planned("e", "rnn")]
    estimate = Estimate(trials, workers=1)
    estimate.ended("a", 1.0)
    estimate.ended("b", 4.0)
    # c as b (4), d as the lstm there is (4), e as any on copy (2.5).
    assert estimate.seconds() == pytest.approx(4 + 4 + 2.5)
    estimate.ended("d", 20.0)
    assert estimate.seconds() == pytest.approx(4 + (1 + 4 + 20) / 3)


def test_a_pipe_gets_plain_lines():
    out = io.StringIO()
    first, second = trials = [planned("a"), planned("b", "lstm")]
    told = {"a": "gru · copy · seed 0", "b": "lstm · copy · seed 0"}
    with display(Console(file=out, width=120), trials, told, 1) as screen:
        assert isinstance(screen, PlainDisplay)
        screen.show(Started(first))
        screen.show(Advanced(first, 10, 20))
        screen.show(Ended(first, Outcome("failed", "RuntimeError: no [b]score[/b]", 2.0)))
        screen.show(Started(second))
        screen.show(None)
        screen.show(Ended(second, Outcome("ok", seconds=1.0)))
    text = out.getvalue()
    assert "failed: gru · copy · seed 0: RuntimeError: no [b]score[/b]" in text
    assert "[2/2] lstm · copy · seed 0" in text
    assert "1 failed" in text
    assert "\x1b" not in text


def last_screen(*events):
    """Return what a terminal shows once the events have come: all of it is drawn again when the display closes."""
    told = {"a": "gru · copy · seed 0", "b": "lstm([b]plain[/b]) · copy · seed 0"}
    out = io.StringIO()
    with display(Console(file=out, force_terminal=True, width=140), list(TWO), told, 2) as screen:
        assert isinstance(screen, LiveDisplay)
        for event in events:
            screen.show(event)
        out.seek(0)
        out.truncate()
    return out.getvalue()


TWO = (planned("a"), planned("b", "lstm"))
UNDER_WAY = (Started(TWO[0]), Started(TWO[1]), Advanced(TWO[1], 150, 600))


def test_a_terminal_gets_a_bar_for_the_run_and_for_each_trial():
    shown = last_screen(*UNDER_WAY)
    assert "0/2" in shown
    assert "gru · copy · seed 0" in shown
    assert "lstm([b]plain[/b]) · copy · seed 0" in shown
    assert "150/600" in shown


def test_a_trial_that_has_ended_loses_its_bar():
    shown = last_screen(*UNDER_WAY, Ended(TWO[0], Outcome("ok", seconds=3.0)))
    assert "1/2" in shown
    assert "gru · copy · seed 0" not in shown
    assert "150/600" in shown
