from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.alignment import best_heads, heads
from results.analysis.run import Run, read
from results.views import VIEWS
from tests.results.trials import QUANTITIES, planned

# Error rate and mass of layer 1 head 1, layer 1 head 2, layer 2 head 1, by mechanism and seed.
MADE_UP = {
    ("rnn_attention", 0): [(0.2, 0.7)],
    ("rnn_attention", 1): [(0.4, 0.5)],
    ("transformer", 0): [(0.9, 0.1), (0.3, 0.6), (0.6, 0.2)],
    ("transformer", 1): [(0.9, 0.3), (0.8, 0.2), (0.1, 0.8)],
    ("gru", 0): [],
}
PLACES = [(1, 1), (1, 2), (2, 1)]


@pytest.fixture
def measured(tmp_path: Path) -> Run:
    with Store(tmp_path / "results.sqlite") as store:
        rows = {key: planned(f"{key[0]}/{key[1]}", key[0], "recall", length=16, seed=key[1]) for key in MADE_UP}
        store.plan(list(rows.values()), {}, QUANTITIES)
        for key, row in rows.items():
            store.finish(row.key, Outcome("ok", measurements=tuple(_measured(MADE_UP[key]))))
    return read(tmp_path)


def _measured(of_heads: list[tuple[float, float]]) -> Iterator[Measurement]:
    at = {"stage": "test", "length": 16}
    if of_heads:
        yield Measurement("alignment_quality", "lowest_error_rate", 1 / 3, at=at)
    for (layer, head), (rate, mass) in zip(PLACES, of_heads, strict=False):
        where = {**at, "layer": layer, "head": head}
        yield Measurement("alignment_quality", "alignment_error_rate", rate, at=where)
        yield Measurement("alignment_quality", "permuted_error_rate", 0.95, at=where)
        yield Measurement("alignment_quality", "alignment_mass", mass, at=where)


@pytest.mark.reference("view", "alignment_quality")
def test_best_head_and_mean_over_heads_by_hand(measured: Run) -> None:
    view = VIEWS["alignment_quality"]()
    assert view.shows(measured)
    table = view.table(measured)
    assert table is not None
    columns = dict(zip(table.headings, zip(*table.rows(), strict=True), strict=True))
    assert columns["mechanism"] == ("rnn_attention", "transformer"), "the gru has no weights"
    # The best heads of the transformer are layer 1 head 2 and layer 2 head 1: 0.3 and 0.1, with masses 0.6 and 0.8.
    assert columns["error rate"] == ("0.30 [0.20, 0.40]", "0.20 [0.10, 0.30]")
    assert columns["mean over heads"] == ("0.30 [0.20, 0.40]", "0.60")
    assert columns["mass on links"] == ("0.60 [0.50, 0.70]", "0.70 [0.60, 0.80]")
    assert columns["permuted"] == ("0.95", "0.95")
    assert columns["lowest"] == ("0.33", "0.33")
    assert columns["precision at 1"] == ("–", "–"), "what was not measured is absent"
    assert set(table.numbers["of"]) == {"best head", "mean over heads", "all heads"}


def test_the_best_head_is_found_for_each_trial(measured: Run) -> None:
    best = best_heads(heads(measured.frame)).set_index("trial")[["layer", "head"]]
    assert {str(trial): tuple(place) for trial, place in zip(best.index, best.to_numpy().tolist(), strict=True)} == {
        "rnn_attention/0": (1, 1),
        "rnn_attention/1": (1, 1),
        "transformer/0": (1, 2),
        "transformer/1": (2, 1),
    }


def test_it_claims_nothing(measured: Run) -> None:
    view = VIEWS["alignment_quality"]()
    assert list(view.findings(measured)) == []
    assert list(view.pairs(measured)) == []
