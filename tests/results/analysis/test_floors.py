from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from results.analysis.floors import Floor, floors
from results.analysis.scores import solves
from tests.results.sentences import made_up


def test_the_floor_of_a_task_is_its_best_simple_reader(tmp_path: Path) -> None:
    run = made_up(tmp_path / "a", {"gru": [0.5]}, shortcuts={"bag": 0.2, "bigrams": 0.6, "last": -0.1})
    assert floors(run.trials) == {"copy": Floor("bigrams", 0.6)}
    assert floors(made_up(tmp_path / "b", {"gru": [0.5]}).trials) == {}
    assert floors(made_up(tmp_path / "c", {"gru": [0.5]}, shortcuts={}).trials) == {}


def test_a_score_at_the_floor_solves_nothing() -> None:
    score = pd.Series([0.94, 0.95, 0.97, 0.98, 0.99])
    assert list(solves(score, 0.97)) == [False, False, False, True, True]
    assert list(solves(score, float("nan"))) == [False, True, True, True, True]


@pytest.mark.parametrize("floor", [None, 0.5, 1.0])
def test_the_floor_does_not_change_the_steps_to_solve(tmp_path: Path, floor: float | None) -> None:
    """Training stops at 0.99, so no score can be above a floor of 1."""
    run = made_up(tmp_path, {"gru": [0.991, 0.999]}, shortcuts=None if floor is None else {"bag": floor})
    assert run.scores["steps_to_solve"].tolist() == [300.0, 300.0]


def test_no_floor_is_below_chance(tmp_path: Path) -> None:
    run = made_up(tmp_path, {"gru": [-0.01]}, shortcuts={"bag": -0.02})
    assert run.ranking.tasks["at_floor"].tolist() == [True]
