"""What a person sees: plain lines in a pipe, bars on a terminal, and an estimate that learns."""

import io

import pytest
from rich.console import Console

from runner.cli.progress import Estimate, LiveDisplay, PlainDisplay, clock, display
from runner.execution.engines import Advanced, Ended, Ending, Started
from runner.trial.trial import Trial


def cell(key, label="gru", kind="train", task="copy"):
    model = label.partition("(")[0]
    return Trial(key, kind, label, model, {}, 0, {}, {"accuracy": {}}, task=task, task_label=task)


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (7.4, "0:07"), (75, "1:15"), (3671, "1:01:11")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_estimate_by_hand():
    """Two workers; 4 s for a gru on copy, 10 s alone for a timing."""
    cells = [cell("a"), cell("b"), cell("c", label="lstm"), cell("d", kind="speed"), cell("e", kind="speed")]
    estimate = Estimate(cells, workers=2)
    assert estimate.seconds() is None
    estimate.ended(cells[0], 4.0)
    # b as a (4), c as any training cell on copy (4), the two alone by the first guess (5 each).
    assert estimate.seconds() == pytest.approx((4 + 4) / 2 + 5 + 5)
    estimate.ended(cells[3], 10.0)
    assert estimate.seconds() == pytest.approx((4 + 4) / 2 + 10)


def test_a_pipe_gets_plain_lines():
    out = io.StringIO()
    cells = [cell("a"), cell("b", label="lstm")]
    with display(Console(file=out, width=120), cells, 1) as screen:
        assert isinstance(screen, PlainDisplay)
        screen.show(Started(cells[0]))
        screen.show(Advanced(cells[0], 10, 20))
        screen.show(Ended(cells[0], Ending("failed", "RuntimeError: no [b]score[/b]", 2.0)))
        screen.show(Started(cells[1]))
        screen.show(None)
        screen.show(Ended(cells[1], Ending("ok", seconds=1.0)))
    text = out.getvalue()
    assert "failed: gru · copy · seed 0: RuntimeError: no [b]score[/b]" in text
    assert "[2/2] lstm · copy · seed 0" in text
    assert "1 failed" in text
    assert "\x1b" not in text


def test_a_terminal_gets_a_bar_for_the_run_and_for_each_cell():
    out = io.StringIO()
    cells = [cell("a"), cell("b", label="lstm(plain)")]
    console = Console(file=out, force_terminal=True, width=140)
    with display(console, cells, 2) as screen:
        assert isinstance(screen, LiveDisplay)
        for each in cells:
            screen.show(Started(each))
        screen.show(Advanced(cells[1], 150, 600))
        screen._live.refresh()
        shown = out.getvalue()
        screen.show(Ended(cells[0], Ending("ok", seconds=3.0)))
        screen._live.refresh()
    assert "lstm(plain) · copy · seed 0" in shown
    assert "150/600" in shown
    assert "1/2" in out.getvalue()
