from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.analysis.scores import scores
from results.analysis.selection import rates, select, windows
from results.report.contents import contents
from results.store.load import load_both
from results.views import VIEWS
from tests.results.trials import planned

NAN = math.nan

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


def test_the_rate_is_picked_by_the_mean_of_the_last(tmp_path: Path) -> None:
    # Last values: (0.9 + 0.5) / 2 = 0.7; (0.74 + 0.74) / 2 = 0.74; 0.6. The best value of all is the third rate's.
    plan: Plan = {0.001: [[0.1, 0.9], [0.5]], 0.003: [[0.1, 0.74], [0.2, 0.74]], 0.01: [[1.0, 0.6], [0.99, 0.6]]}
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
        # Without a score: the fewest trials that ended badly.
        ({0.001: ["diverged", [NAN]], 0.003: [[NAN], [NAN]]}, 0.003),
        ({0.001: ["diverged", "diverged"], 0.003: [[NAN], [NAN]]}, 0.003),
    ],
)
def test_trials_without_a_result(tmp_path: Path, plan: Plan, expected: float) -> None:
    assert chosen(write(tmp_path, plan)) == expected


def test_without_scores_the_rate_of_the_lowest_last_loss_is_picked(tmp_path: Path) -> None:
    losses = {0.001: [0.9, 0.8], 0.003: [0.9, 0.7], 0.01: [0.1, 0.9]}
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([planned(str(rate), "lstm", "language", length=2, rate=rate) for rate in (*losses, 0.0001)])
        for rate, values in losses.items():
            rows = [
                Measurement("accuracy", quantity, value, at={"stage": "validation", "step": step})
                for step, loss in enumerate(values)
                for quantity, value in (("loss", loss), ("normalised", NAN))
            ]
            store.finish(str(rate), Outcome("ok", measurements=tuple(rows)))
    assert chosen(tmp_path) == 0.003


def test_where_what_ended_well_has_no_score_what_diverged_counts_as_none(tmp_path: Path) -> None:
    """Seed 0 has no score, and seed 1 has one: its examples differ."""
    row = Measurement("accuracy", "normalised", NAN, at={"stage": "test", "length": 5})
    reason = "no score on test data"
    ends = {
        "gru 0": Outcome("ok", reason, measurements=(row,)),
        "gru 1": Outcome("ok", measurements=(dataclasses.replace(row, value=0.25),)),
        "lstm 0": Outcome("diverged", "the loss was nan"),
        "lstm 1": Outcome("diverged", "the loss was nan"),
    }
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([planned(key, key[:-2], "language", length=5, seed=int(key[-1])) for key in ends])
        for key, outcome in ends.items():
            store.finish(key, outcome)
    run = read(tmp_path)
    table = scores(run.trials, run.frame).set_index("trial")
    assert table["outcome"].loc[["gru 0", "gru 1"]].to_list() == ["no score", "ok"]
    assert table["counted"].fillna(-9.0).to_dict() == {"gru 0": -9.0, "gru 1": 0.25, "lstm 0": -9.0, "lstm 1": 0.0}
    shown = run.ranking.tasks.set_index("mechanism")
    assert (shown.loc["gru", "value"], shown.loc["gru", "word"], shown.loc["gru", "ill"]) == (0.25, "no score", 1)
    outcomes = VIEWS["outcomes"]().table(run)
    assert outcomes is not None
    assert ["gru", "language", "no score", "1", reason] in outcomes.rows()
    found = contents(run)
    assert found.mistakes == []
    ranking = next(section.table for section in found.sections if section.name == "ranking")
    assert ranking is not None
    assert dict(zip(ranking.headings, ranking.rows()[0], strict=True))["language"] == "0.25 (1 of 2 no score)"


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
