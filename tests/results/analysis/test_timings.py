from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from results import Measurement, Outcome, Store
from results.analysis.run import read
from results.analysis.scaling import by_length, speeds
from results.analysis.timings import Pair, compare, moved
from results.views import VIEWS
from tests.results.trials import QUANTITIES, planned

PAIR = Pair("lstm", "gru", "train")
Rates = Mapping[tuple[str, str], list[float]]  # tokens per second, round by round, by mechanism and session


def frame_of(folder: Path, rates: Rates, references: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return the measurements of a run that was timed at length 8 in sessions with this speed of the reference job."""
    write(folder, rates, references)
    return read(folder).frame


def write(folder: Path, rates: Rates, references: Mapping[str, float] | None = None) -> None:
    trials = {
        f"{name}/{session}/{number}": (planned(f"{name}/{session}/{number}", name, round=number), session, rate)
        for (name, session), each in rates.items()
        for number, rate in enumerate(each)
    }
    with Store(folder / "results.sqlite") as store:
        store.plan([trial for trial, _, _ in trials.values()], {}, QUANTITIES)
        for key, (_, session, rate) in trials.items():
            reference = Measurement("throughput", "reference", (references or {}).get(session, 100.0))
            timed = Measurement("throughput", "train", rate, {"length": 8})
            store.finish(key, Outcome("ok", measurements=(timed, reference), session=session))


def test_a_ratio_by_hand(tmp_path: Path) -> None:
    ratios = np.array([2.1, 1.9, 2.0, 2.2, 1.8])
    drift = np.array([100.0, 20.0, 300.0, 50.0, 70.0])
    frame = frame_of(tmp_path, {("lstm", "a"): list(ratios * drift), ("gru", "a"): list(drift)})
    (row,) = compare(frame, [PAIR]).to_dict("records")
    expected = stats.ttest_1samp(np.log(ratios), 0.0).confidence_interval()
    found = np.log([row["ratio"], row["low"], row["high"]])
    assert found == pytest.approx([np.log(ratios).mean(), expected.low, expected.high])
    assert (row["length"], row["rounds"], row["sign"]) == (8, 5, 1)
    (other,) = compare(frame, [Pair("gru", "lstm", "train")])["sign"]
    assert other == -1


@pytest.mark.parametrize(("ratio", "sign"), [(1.0, 0), (1.08, 0), (0.93, 0), (1.15, 1), (0.85, -1)])
def test_what_differs_by_less_than_the_margin_is_not_claimed(tmp_path: Path, ratio: float, sign: int) -> None:
    steady = np.array([100.0, 101.0, 99.0, 100.5, 99.5, 100.2])
    frame = frame_of(tmp_path, {("lstm", "a"): list(ratio * steady), ("gru", "a"): list(steady[[1, 0, 2, 4, 3, 5]])})
    assert compare(frame, [PAIR])["sign"].tolist() == [sign]


def test_every_comparison_of_a_report_counts(tmp_path: Path) -> None:
    noisy = np.exp([0.5, 0.2, 0.6, 0.3, 0.15, 0.4])
    frame = frame_of(tmp_path, {("lstm", "a"): list(100 * noisy), ("gru", "a"): [100.0] * 6, ("rnn", "a"): [100.0] * 6})
    assert compare(frame, [PAIR])["sign"].tolist() == [1]
    many = [PAIR, *[Pair("gru", "rnn", "train")] * 30]
    assert compare(frame, many)["sign"].tolist() == [0] * 31


def test_a_round_is_compared_within_its_session(tmp_path: Path) -> None:
    both = {("lstm", "a"): [200.0] * 6, ("gru", "b"): [100.0] * 6}
    assert compare(frame_of(tmp_path / "apart", both), [PAIR]).empty
    resumed = {("lstm", "a"): [200.0] * 2, ("gru", "a"): [100.0] * 2, ("lstm", "b"): [300.0], ("gru", "b"): [150.0]}
    assert compare(frame_of(tmp_path / "resumed", resumed), [PAIR])["rounds"].tolist() == [3]


def test_a_mechanism_that_is_added_later_is_set_beside_the_others_and_marked(tmp_path: Path) -> None:
    # The reference job took twice as long in the second session.
    rates = {("lstm", "a"): [200.0] * 3, ("gru", "a"): [100.0] * 3, ("rnn", "b"): [60.0] * 3}
    write(tmp_path, rates, {"a": 50.0, "b": 25.0})
    run = read(tmp_path)
    found = speeds(run, ("train",)).set_index("mechanism")
    assert found["value"].to_dict() == {"lstm": 200.0, "gru": 100.0, "rnn": 120.0}
    assert moved(run.frame) == ["rnn"]
    view = VIEWS["throughput"]()
    table = view.table(run)
    assert table is not None
    shown = {row[0]: row[2] for row in table.rows()}
    assert shown == {"lstm": "200", "gru": "100", "rnn": "120 (other session)"}
    (text,) = [each.text for each in view.findings(run) if "session" in each.text]
    assert text.startswith("Speeds are compared within a session. rnn was timed in another session than the rest")


def test_the_spread_is_that_of_the_rounds(tmp_path: Path) -> None:
    frame = frame_of(tmp_path, {("lstm", "a"): [10.0, 50.0, 20.0, 40.0, 30.0]})
    (row,) = by_length(frame[frame["quantity"] == "train"]).to_dict("records")
    assert (row["low"], row["value"], row["high"]) == (20.0, 30.0, 40.0)
