from __future__ import annotations

from pathlib import Path

import pytest

from results.views.tasks import TasksView, overview
from tests.results.sentences import Scores, made_up

STEADY = [0.0, 0.01, -0.01, 0.02, -0.02]


def around(mean: float) -> list[float]:
    return [mean + each for each in STEADY]


@pytest.mark.reference("view", "tasks")
def test_the_table_of_tasks(tmp_path: Path) -> None:
    run = made_up(tmp_path, {"gru": [0.5, 0.6], "lstm": [0.2, 0.3]}, shortcuts={"bag": 0.1, "last": 0.4})
    table = TasksView().table(run)
    assert table is not None
    assert dict(zip(table.headings, *table.rows(), strict=True)) == {
        "task": "copy",
        "length": "5",
        "steps": "600",
        "chance": "0.200",
        "ceiling": "1.000",
        "simple reader": "last",
        "its score": "0.40",
        "lowest": "0.25",
        "highest": "0.55",
        "what the scores say": "too few seeds to tell",
    }
    unmeasured = TasksView().table(made_up(tmp_path / "b", {"gru": [0.5]}))
    assert unmeasured is not None
    assert unmeasured.rows()[0][5:7] == ["–", "–"]


@pytest.mark.parametrize(
    ("scores", "floor", "says", "told"),
    [
        (
            {"gru": around(0.8), "lstm": around(0.4)},
            0.5,
            "tells mechanisms apart",
            "1 of 1 task tells mechanisms apart",
        ),
        ({"gru": around(0.8), "lstm": around(0.8)}, 0.5, "no difference shown", "No difference between mechanisms"),
        # A difference below the simple reader is still one, and the reader is told of both.
        (
            {"gru": around(0.8), "lstm": around(0.4)},
            0.9,
            "tells mechanisms apart, no mechanism exceeds the simple reader",
            "1 of 1 task tells mechanisms apart: copy; no mechanism exceeds the simple reader on copy",
        ),
        # The difference of 0.03 is certain, and not worth a sentence.
        ({"gru": [0.99] * 5, "lstm": [0.96] * 5}, None, "all mechanisms are at the ceiling", "No difference"),
        ({"gru": [0.99] * 2, "lstm": [0.96] * 2}, None, "all mechanisms are at the ceiling", "With fewer than 5 seeds"),
        # What a bag of words does as well is not the ceiling of anything.
        ({"gru": [0.99] * 2, "lstm": [0.96] * 2}, 1.0, "no mechanism exceeds the simple reader", "With fewer than 5"),
        ({"gru": [0.05] * 2, "lstm": [-0.1] * 2}, 0.02, "all mechanisms are near chance", "With fewer than 5 seeds"),
        ({"gru": [0.99, 0.1], "lstm": [0.5, 0.5]}, 0.5, "too few seeds to tell", "With fewer than 5 seeds no task can"),
        ({"gru": around(0.8)}, None, "fewer than two mechanisms have scores", ""),
    ],
)
def test_what_a_task_says(tmp_path: Path, scores: Scores, floor: float | None, says: str, told: str) -> None:
    run = made_up(tmp_path, scores, shortcuts=None if floor is None else {"bag": floor})
    table = TasksView().table(run)
    assert table is not None
    assert table.rows()[0][-1] == says
    assert overview(run).startswith(told)
    assert bool(overview(run)) == bool(told)
