from __future__ import annotations

from pathlib import Path

import pytest

from registry import Quantity
from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.charts import draw
from results.views import VIEWS, Lines
from tests.results.trials import planned

ENTROPY = Quantity("entropy", "entropy of the weights", "nats", over=("head",), digits=2)
SPARE = Quantity("spare", "spare capacity")


@pytest.fixture
def measured(tmp_path: Path) -> Run:
    with Store(tmp_path / "results.sqlite") as store:
        rows = [
            planned(f"{model}{seed}", model, "copy", length=5, seed=seed) for model in ("gru", "rnn") for seed in (0, 1)
        ]
        store.plan(rows, {}, {"entropy": ENTROPY, "spare": SPARE})
        for place, row in enumerate(rows):
            heads = [
                Measurement("mine", "entropy", place + head, at={"stage": "test", "head": head}) for head in (0, 3)
            ]
            store.finish(row.key, Outcome("ok", measurements=(*heads, Measurement("mine", "spare", 7.0))))
    return read(tmp_path)


@pytest.mark.reference("view", "generic")
def test_what_no_view_needs_is_in_the_generic_one(measured: Run) -> None:
    view = VIEWS["generic"]()
    assert view.shows(measured)
    table, figure = view.table(measured), view.figure(measured)
    assert table is not None
    assert table.headings == ["quantity", "mechanism", "task", "stage", "head", "value"]
    assert table.rows()[:3] == [
        ["entropy of the weights (nats)", "gru", "copy", "test", "0", "0.500 [0.000, 1.000]"],
        ["entropy of the weights (nats)", "gru", "copy", "test", "3", "3.500 [3.000, 4.000]"],
        ["spare capacity", "gru", "copy", "", "", "7.000"],
    ]
    assert isinstance(figure, Lines)
    assert figure.x.label == "head"
    assert list(figure.panels.values()) == ["entropy of the weights (nats): copy, test"]
    (gru, rnn) = draw(figure, measured).axes[0].get_lines()
    assert list(zip(gru.get_xdata(), gru.get_ydata(), strict=True)) == [(0, 0.5), (3, 3.5)]
    assert list(zip(rnn.get_xdata(), rnn.get_ydata(), strict=True)) == [(0, 2.5), (3, 5.5)]


def test_what_a_view_needs_is_not(results: Run) -> None:
    assert not VIEWS["generic"]().shows(results)
