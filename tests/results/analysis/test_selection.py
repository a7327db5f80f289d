from __future__ import annotations

from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.analysis.scores import scores
from results.analysis.selection import rates, select, windows
from results.store.load import load_both
from tests.results.trials import planned

# By rate: for each seed the validation scores over time, or how the trial ended.
Plan = dict[float, list[list[float] | str | None]]


def write(folder: Path, plan: Plan) -> Path:
    with Store(folder / "results.sqlite") as store:
        keys = [(rate, seed) for rate, ends in plan.items() for seed in range(len(ends))]
        store.plan([planned(f"{rate}/{seed}", "lstm", "copy", length=5, seed=seed, rate=rate) for rate, seed in keys])
        for rate, seed in keys:
            end = plan[rate][seed]
            if isinstance(end, str):
                store.finish(f"{rate}/{seed}", Outcome(end))
            elif end is not None:
                rows = [
                    Measurement("accuracy", "normalised", value, at={"stage": "validation", "step": step})
                    for step, value in enumerate(end)
                ]
                rows.append(Measurement("accuracy", "normalised", end[-1], at={"stage": "test", "length": 5}))
                store.finish(f"{rate}/{seed}", Outcome("ok", measurements=tuple(rows)))
    return folder


def chosen(folder: Path) -> float:
    table = rates(*load_both(folder))
    return float(table.loc[table["chosen"], "learning_rate"].iloc[0])


def test_the_rate_is_picked_by_the_mean_of_the_best(tmp_path: Path) -> None:
    # Best values: (0.9 + 0.5) / 2 = 0.7; (0.74 + 0.74) / 2 = 0.74; 0.6.
    plan: Plan = {0.001: [[0.9, 0.1], [0.5]], 0.003: [[0.1, 0.74], [0.74, 0.2]], 0.01: [[0.6], [0.6]]}
    write(tmp_path, plan)
    assert chosen(tmp_path) == 0.003
    window = windows(rates(*load_both(tmp_path))).iloc[0]
    assert (window["low"], window["high"]) == (0.001, 0.003)
    trials, frame = select(*load_both(tmp_path))
    assert set(trials["recipe.learning_rate"]) == {0.003}
    assert set(frame["recipe.learning_rate"]) == {0.003}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({0.001: [[0.6], [0.6]], 0.003: [[1.0], "diverged"]}, 0.001),
        ({0.001: ["timeout", "timeout"], 0.003: [[-0.1], [-0.1]]}, 0.003),
        ({0.001: [None, None], 0.003: [[0.2], None]}, 0.003),
        ({0.001: ["failed"], 0.003: ["failed"]}, 0.001),
        ({0.003: [None], 0.001: [None]}, 0.001),
        ({0.003: [[0.5]], 0.001: [[0.5]]}, 0.001),
    ],
)
def test_trials_without_a_result(tmp_path: Path, plan: Plan, expected: float) -> None:
    assert chosen(write(tmp_path, plan)) == expected


def test_a_diverged_trial_never_ranks_above_a_finished_one(tmp_path: Path) -> None:
    found = read(write(tmp_path, {0.001: [[-0.3], "diverged", "timeout", None]}))
    table = scores(found.trials, found.frame).set_index("seed")
    assert table["score"].to_list()[:2] == [-0.3, -0.3]
    assert table["score"].isna().to_list() == [False, False, True, True]
    assert table["counted"].isna().to_list() == [False, False, False, True]


def test_only_trained_trials_are_reduced(results: Run) -> None:
    assert len(results.trials) < len(results.all_trials)
    others = results.all_trials[results.all_trials["task"].isna()]
    assert len(others) == 17 * 6
    assert set(others["trial"]) <= set(results.trials["trial"])
    assert results.trials.groupby(["mechanism", "task"])["recipe.learning_rate"].nunique().max() == 1
