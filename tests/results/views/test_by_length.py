from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, gather, read
from results.charts import draw
from results.views import VIEWS
from tests.results.trials import QUANTITIES, planned


def scored_on_test(quantity: str, value: float, length: int) -> Measurement:
    return Measurement("accuracy", quantity, value, at={"stage": "test", "length": length})


@pytest.mark.reference("view", "by_length")
def test_metrics_by_length_in_their_own_units(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        rows = [planned(f"gru{seed}", "gru", "translation", length=8, seed=seed) for seed in (0, 1)]
        store.plan([*rows, planned("x", "gru", "adding", length=8)], {}, QUANTITIES)
        for seed, (short_one, long_one) in enumerate([(0.5, 0.25), (0.75, 0.25)]):
            values = [("accuracy", short_one, 8), ("bleu", 60.0, 8), ("accuracy", long_one, 16), ("normalised", 0.1, 8)]
            found = [
                Measurement("accuracy", name, value, at={"stage": "test", "length": n}) for name, value, n in values
            ]
            store.finish(f"gru{seed}", Outcome("ok", measurements=tuple(found)))
        mse = Measurement("accuracy", "mse", 0.01, at={"stage": "test", "length": 8})
        store.finish("x", Outcome("ok", measurements=(mse,)))
    run = read(tmp_path)
    table, translated = VIEWS["by_length"]().table(run), VIEWS["bleu_by_length"]().table(run)
    assert table is not None
    assert table.headings == ["task", "mechanism", "length", "accuracy", "mean squared error"]
    assert table.rows() == [
        ["translation", "gru", "8", "0.625 [0.500, 0.750]", "–"],
        ["translation", "gru", "16", "0.250", "–"],
        ["adding", "gru", "8", "–", "0.0100"],
    ]
    assert table.numbers["seeds"].tolist() == [2, 2, 1]
    assert translated is not None
    assert translated.rows() == [["translation", "gru", "8", "60.0"]]


@pytest.mark.reference("view", "bleu_by_length")
def test_bleu_is_drawn_where_translations_are_decoded(results: Run) -> None:
    rows = results.frame[(results.frame["quantity"] == "normalised") & (results.frame["stage"] == "test")]
    rows = rows[rows["task"] == results.tasks[0]].assign(quantity="bleu", value=37.0)
    frame = pd.concat([results.frame, rows], ignore_index=True)
    measured = gather("measured", (results.trials, frame), results.quantities)
    figure = VIEWS["bleu_by_length"]().figure(measured)
    assert figure is not None
    assert set(figure.data["value"]) == {37.0}
    assert draw(figure, measured).axes[0].get_ylabel() == "BLEU"
