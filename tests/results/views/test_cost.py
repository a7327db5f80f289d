from __future__ import annotations

from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import read
from results.views import VIEWS
from tests.results.trials import QUANTITIES, planned


@pytest.mark.reference("view", "cost")
def test_costs_without_a_value_have_a_dash(tmp_path: Path) -> None:
    """A model that does not decode has no state, one without a formula no second count; parameters are the model's."""
    with Store(tmp_path / "results.sqlite") as store:
        rows = [planned(name, name, probes=["cost"]) for name in ("gru", "together")]
        store.plan([*rows, planned("trained", "gru", "copy")], {}, QUANTITIES)
        size = Measurement("size", "parameters", 864)
        counted = [Measurement("cost", "flops_counted", 1536.0, {"length": n}) for n in (8, 16)]
        state = [Measurement("cost", "state", 32.0, {"length": 8})]
        store.finish("gru", Outcome("ok", measurements=(size, *counted, *state)))
        store.finish("together", Outcome("ok", measurements=(size, *counted[:1])))
        store.finish("trained", Outcome("ok", measurements=(Measurement("size", "parameters", 9999),)))
    table = VIEWS["cost"]().table(read(tmp_path))
    assert table is not None
    assert table.headings == ["mechanism", "parameters", "quantity", "at 8", "at 16"]
    assert table.rows() == [
        ["gru", "864", "operations, counted (per token)", "1.54k", "1.54k"],
        ["gru", "864", "decoding state (bytes)", "32", "–"],
        ["together", "864", "operations, counted (per token)", "1.54k", "–"],
    ]
