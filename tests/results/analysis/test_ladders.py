"""Ladders of made-up scores: the reach, one task for all rungs, and the views that show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.ladders import reaches, rungs
from results.analysis.run import Run, read
from results.views.capacity import CapacityView, recovered
from results.views.capacity_by_state import CapacityByStateView
from results.views.ladders import LaddersView
from tests.results.trials import QUANTITIES, planned, spec

RUNGS = [4, 8, 16]
Scores = dict[str, list[list[float]]]  # of each mechanism, a list for each rung, with a score for each seed


def climbed(folder: Path, scores: Scores, bits: float = 3.0, outcomes: dict[str, str] | None = None) -> Run:
    """Return a run of copy by items; each rung asks for `bits` an item, and a score is the share recovered."""
    with Store(folder / "results.sqlite") as store:
        rows, ended = [], {}
        for name, of_rungs in scores.items():
            for rung, of_seeds in zip(RUNGS, of_rungs, strict=True):
                task = spec("task", "copy", {"ladder": {"items": RUNGS}, "items": rung})
                for seed, score in enumerate(of_seeds):
                    key = f"{name}/{rung}/{seed}"
                    rows.append(planned(key, name, task, length=5, seed=seed))
                    numbers = {"normalised": score, "bits": score * bits * rung, "bits_asked": bits * rung}
                    numbers |= {"bytes_kept": 100.0 * rung}
                    at = {"stage": "test", "length": 5}
                    measured = tuple(Measurement("accuracy", what, value, at) for what, value in numbers.items())
                    word = (outcomes or {}).get(key, "ok")
                    ended[key] = Outcome(word, measurements=measured if word == "ok" else ())
        store.plan(rows, {}, QUANTITIES)
        for key, outcome in ended.items():
            store.finish(key, outcome)
    return read(folder)


def test_the_reach_is_the_last_rung_before_the_first_that_the_median_seed_fails(tmp_path: Path) -> None:
    run = climbed(
        tmp_path,
        {
            "gru": [[1.0, 1.0, 1.0], [0.95, 0.2, 0.9], [0.3, 0.2, 1.0]],  # medians 1, 0.9, 0.3
            "lstm": [[0.89, 0.89, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],  # not reached, whatever comes after
            "transformer": [[1.0] * 3] * 3,
        },
    )
    found = {row.mechanism: (row.reach, row.words) for row in reaches(run).itertuples()}
    assert found["gru"] == (8, "")
    assert found["lstm"][1] == "none"
    assert found["transformer"] == (16, "all rungs")


def test_a_trial_that_ends_badly_counts_as_chance_and_one_that_has_not_run_leaves_the_reach_open(
    tmp_path: Path,
) -> None:
    scores = {"gru": [[1.0], [1.0], [1.0]]}
    failed = reaches(climbed(tmp_path / "a", scores, outcomes={"gru/8/0": "oom"}))
    assert failed[["reach", "words"]].to_numpy().tolist() == [[4, ""]]
    stopped = reaches(climbed(tmp_path / "b", scores, outcomes={"gru/8/0": "interrupted"}))
    assert stopped["words"].tolist() == ["not run"]


def test_a_ladder_is_one_task_whose_score_is_the_mean_over_its_rungs(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0, 0.8], [0.5, 0.4], [0.0, 0.3]], "lstm": [[0.2, 0.2]] * 3})
    assert run.tasks == ["copy by items"]
    assert run.scores.loc[run.scores["mechanism"] == "gru", "score"].tolist() == pytest.approx([0.5, 0.5])
    assert run.ranking.mechanisms["score"].tolist() == pytest.approx([0.5, 0.2])
    assert rungs(run, "normalised").query("mechanism == 'gru'")["value"].tolist() == pytest.approx([0.9, 0.45, 0.15])


def test_a_ladder_with_a_rung_that_has_not_run_has_no_score(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0], [1.0], [1.0]]}, outcomes={"gru/8/0": "interrupted"})
    assert run.scores["counted"].isna().all()
    assert run.scores["outcome"].tolist() == ["interrupted"]


@pytest.mark.reference("view", "ladders")
def test_the_table_of_ladders(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0, 1.0], [0.5, 0.7], [0.0, 0.1]], "transformer": [[1.0, 1.0]] * 3})
    table = LaddersView().table(run)
    assert table is not None
    assert table.headings == ["task", "mechanism", "reach", "at 4", "at 8", "at 16"]
    assert table.rows() == [
        ["copy by items", "gru", "4", "1.00", "0.60 [0.50, 0.70]", "0.05 [0.00, 0.10]"],
        ["copy by items", "transformer", "16 (all rungs)", "1.00", "1.00", "1.00"],
    ]
    (finding,) = LaddersView().findings(run)
    assert finding.text == (
        "copy by items: the last value reached (a median score of 0.9 or more) is 4 for gru; 16, the largest that was "
        "tried, for transformer (both seeds)."
    )


@pytest.mark.reference("view", "capacity")
def test_the_table_of_capacity(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0, 1.0], [0.5, 0.7], [0.0, 0.1]]})
    table = CapacityView().table(run)
    assert table is not None
    assert table.rows()[1] == ["copy by items", "gru", "8", "24.0", "14.4 [12.0, 16.8]", "800"]
    (finding,) = CapacityView().findings(run)
    assert finding.text == (
        "copy by items: of 48 bits that an example asks for at 16, the means over both seeds recovered are 2 by gru."
    )


@pytest.mark.reference("view", "capacity_by_state")
def test_capacity_against_memory(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0], [0.5], [0.0]]})
    figure = CapacityByStateView().figure(run)
    assert figure is not None
    assert figure.data[["bytes", "value"]].to_numpy().tolist() == [[400, 12], [800, 12], [1600, 0]]


def test_a_ladder_that_asks_for_the_same_bits_everywhere_is_no_capacity_curve(tmp_path: Path) -> None:
    run = climbed(tmp_path, {"gru": [[1.0], [0.5], [0.0]]}, bits=0.0)
    assert recovered(run).empty
    assert not CapacityView().shows(run)
    assert LaddersView().shows(run)
