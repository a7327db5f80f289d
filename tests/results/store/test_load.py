from __future__ import annotations

from pathlib import Path

import pandas as pd

import results
from results import Measurement, Outcome, Planned, Store
from tests.results.trials import mechanism, planned, spec

SIZE = Measurement("size", "parameters", 1.0)


def loaded(folder: Path, *trials: Planned, measured: tuple[Measurement, ...] = (SIZE,)) -> pd.DataFrame:
    with Store(folder / "results.sqlite") as store:
        store.plan(trials)
        for trial in trials:
            store.finish(trial.key, Outcome("ok", measurements=measured))
    return results.load(folder)


def test_a_fact_of_the_trial_is_a_column(tmp_path: Path) -> None:
    frame = loaded(tmp_path, planned("a", "lstm", "copy", cores=4, note="by hand"), planned("b", "lstm", "recall"))
    assert frame["cores"].to_list()[0] == 4
    assert frame["cores"].dtype == "Int64"
    assert frame["cores"].isna().to_list() == [False, True]
    assert frame["note"].to_list()[0] == "by hand"


def test_settings_are_columns_by_where_they_belong(tmp_path: Path) -> None:
    part = spec("alignment", "local_m", {"window": 3}, inner=spec("alignment", "dot", scale=0.5))
    local = spec("model", "transformer", {"alignment": {"local_m": {"window": 3}}}, alignment=part, layers=2)
    trials = [planned("a", local, spec("task", "recall", {"pairs": 4}), length=9), planned("b", "lstm")]
    first, second = loaded(tmp_path, *trials).to_dict("records")
    assert (first["mechanism"], first["variant"], first["model"]) == ("transformer", "transformer", "transformer")
    assert (first["mechanism.alignment"], first["mechanism.alignment.window"]) == ("local_m", 3)
    assert (first["mechanism.alignment.inner"], first["mechanism.alignment.inner.scale"]) == ("dot", 0.5)
    assert first["mechanism.alignment.reads_content"]
    assert (first["mechanism.layers"], first["task"], first["task_name"], first["task.pairs"]) == (
        2,
        "recall",
        "recall",
        4,
    )
    assert (first["recipe.learning_rate"], first["recipe.width"], first["trained_length"]) == (0.001, 64, 9)
    assert (second["model"], second["probes"]) == ("lstm", "accuracy")
    assert pd.isna(second["task"])
    assert pd.isna(second["mechanism.alignment"])


def test_what_is_in_the_label_beside_the_model_is_the_variant(tmp_path: Path) -> None:
    pair = [planned(name, mechanism("transformer", name)) for name in ("dot", "additive")]
    frame = loaded(tmp_path, *pair, planned("c", "lstm"))
    assert frame["mechanism"].to_list() == ["transformer(dot)", "transformer(additive)", "lstm"]
    assert frame["variant"].to_list() == ["dot", "additive", "lstm"]


def test_a_probe_may_add_coordinates(tmp_path: Path) -> None:
    measured = (SIZE, Measurement("links", "mass", 0.5, at={"head": 3, "layer": "last", "length": 8}))
    frame = loaded(tmp_path, planned("a", "lstm"), measured=measured)
    assert frame["head"].to_list()[1] == 3
    assert frame["layer"].to_list()[1] == "last"
    assert frame["length"].to_list()[1] == 8
    assert frame["head"].isna().to_list() == [True, False]


def test_a_coordinate_may_be_called_like_another_column(tmp_path: Path) -> None:
    at = {"seed": 7, "task": "other", "value": 9, "trial": "t", "head": 3, "position": 2}
    row = loaded(tmp_path, planned("a", "lstm", "copy", seed=5), measured=(Measurement("p", "q", 0.5, at=at),)).iloc[0]
    assert (row["trial"], row["seed"], row["task"], row["value"]) == ("a", 5, "copy", 0.5)
    assert (row["at.trial"], row["at.seed"], row["at.task"], row["at.value"]) == ("t", 7, "other", 9)
    assert (row["head"], row["position"]) == (3, 2)


def test_trials_that_are_skipped_or_to_run_are_there(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan(
            [planned("a", "lstm", "copy"), planned("b", "gru", "copy", reason="too long", plugins=("p.py", "q"))]
        )
    trials = results.load_trials(tmp_path)
    assert trials["outcome"].isna().to_list() == [True, False]
    assert trials[["outcome", "reason", "origin", "model"]].iloc[1].to_list() == [
        "skipped",
        "too long",
        "p.py, q",
        "gru",
    ]
    assert results.load(tmp_path).empty
    assert set(results.load(tmp_path)) >= {
        "task",
        "recipe.learning_rate",
        "value",
        "stage",
        "length",
        "step",
        "distance",
    }
