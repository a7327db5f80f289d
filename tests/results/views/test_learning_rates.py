from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.charts import draw
from results.report.contents import contents
from results.views import VIEWS
from results.views.figure import Lines
from tests.results.trials import QUANTITIES, planned

Scores = dict[str, dict[float, list[float | str]]]

SWEPT: Scores = {
    # Best at 0.003; 0.001 is within five points of it, 0.01 is not, so 0.03 is not around the best one.
    "lstm": {0.0003: [0.2], 0.001: [0.92], 0.003: [0.95], 0.01: [0.5], 0.03: [0.93]},
    # All within five points: the window is at least so wide.
    "gru": {0.0003: [0.95], 0.001: [0.96], 0.003: [0.97], 0.01: [0.96], 0.03: [0.95]},
    # The best rate is the highest one. Its two seeds have 0.8 and 1.0; the one that diverged counts as 0.
    "rnn": {0.0003: [0.1], 0.001: [0.1], 0.003: [0.1], 0.01: ["diverged", 0.6], 0.03: [0.8, 1.0]},
}


def write(folder: Path, scores: Scores) -> Run:
    trials = [
        (name, rate, seed, end)
        for name, of in scores.items()
        for rate, ends in of.items()
        for seed, end in enumerate(ends)
    ]
    with Store(folder / "results.sqlite") as store:
        keys = [f"{name} {rate} {seed}" for name, rate, seed, _ in trials]
        rows = [
            planned(key, name, "copy", length=5, seed=seed, rate=rate)
            for key, (name, rate, seed, _) in zip(keys, trials, strict=True)
        ]
        store.plan(rows, {}, QUANTITIES)
        for key, (*_, end) in zip(keys, trials, strict=True):
            if isinstance(end, str):
                store.finish(key, Outcome(end))  # type: ignore[arg-type]
                continue
            at = ({"stage": "validation", "step": 5}, {"stage": "test", "length": 5})
            store.finish(
                key, Outcome("ok", measurements=tuple(Measurement("accuracy", "normalised", end, each) for each in at))
            )
    return read(folder)


@pytest.mark.reference("view", "learning_rates")
def test_windows_by_hand(tmp_path: Path) -> None:
    """0.003 / 0.001 is 3, half a decade; 0.03 / 0.0003 is 100, two decades; one rate alone has width 1."""
    table = VIEWS["learning_rates"]().table(write(tmp_path, SWEPT))
    assert table is not None
    assert table.headings[2:] == [
        "learning rate",
        "window from",
        "window to",
        "width",
        "decades",
        "edge of the sweep",
        "rates swept",
    ]
    assert {row[0]: row[2:] for row in table.rows()} == {
        "lstm": ["0.003", "0.001", "0.003", "3.00", "0.48", "not reached", "5"],
        "gru": ["0.003", "0.0003", "0.03", "100.00", "2.00", "both", "5"],
        "rnn": ["0.03", "0.03", "0.03", "1.00", "0.00", "highest", "5"],
    }
    lowest = {"lstm": {0.001: [0.9], 0.003: [0.88], 0.01: [0.1]}}
    table = VIEWS["learning_rates"]().table(write(tmp_path / "lowest", lowest))
    assert table is not None
    assert table.rows()[0][2:] == ["0.001", "0.001", "0.003", "3.00", "0.48", "lowest", "3"]


def test_the_figure_has_the_mean_and_the_range_of_each_rate(tmp_path: Path) -> None:
    run = write(tmp_path, SWEPT)
    figure = VIEWS["learning_rates"]().figure(run)
    assert isinstance(figure, Lines)
    shown = figure.data.set_index(["mechanism", "learning_rate"])[["value", "low", "high"]]
    assert shown.loc[("rnn", 0.03)].to_list() == pytest.approx([0.9, 0.8, 1.0])
    assert shown.loc[("rnn", 0.01)].to_list() == pytest.approx([0.3, 0.0, 0.6])
    lines = {str(line.get_label()): line for ax in draw(figure, run).axes for line in ax.lines}
    assert np.asarray(lines["lstm"].get_xdata()).tolist() == sorted(SWEPT["lstm"])
    assert np.asarray(lines["lstm"].get_ydata()).tolist() == [0.2, 0.92, 0.95, 0.5, 0.93]


@pytest.mark.parametrize(
    "scores",
    [
        {"lstm": {0.003: [0.9, 0.8]}, "gru": {0.001: [0.7]}},
        {"lstm": {0.003: ["failed"]}},
        {"lstm": {0.001: [float("nan")], 0.003: [float("nan")]}},
    ],
)
def test_without_a_sweep_or_a_score_nothing_is_shown(tmp_path: Path, scores: Scores) -> None:
    run, view = write(tmp_path, scores), VIEWS["learning_rates"]()
    assert not view.shows(run)
    assert view.table(run) is None
    assert view.figure(run) is None


def test_it_says_no_sentence(tmp_path: Path) -> None:
    """A difference between windows would need a test of its own."""
    run = write(tmp_path, SWEPT)
    assert list(VIEWS["learning_rates"]().findings(run)) == []
    assert not [finding.text for finding in contents(run).findings if "window" in finding.text]
