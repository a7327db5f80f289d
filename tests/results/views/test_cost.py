from __future__ import annotations

from pathlib import Path

from results import Measurement, Outcome, Store
from results.analysis.run import read
from results.report.contents import tables
from tests.results.trials import planned


def test_costs_leave_out_what_there_is_not(tmp_path: Path) -> None:
    """A model that does not decode has no state, one without a formula no second count; sizes are without the ends."""
    with Store(tmp_path / "results.sqlite") as store:
        rows = [planned(name, name, probes=["cost"]) for name in ("gru", "together")]
        store.plan([*rows, planned("trained", "gru", "copy")])
        size = Measurement("size", "parameters", 864)
        counted = [Measurement("cost", "flops_counted", 1536.0, "flop/token", {"length": n}) for n in (8, 16)]
        state = [Measurement("cost", "state", 32.0, "bytes", {"length": 8})]
        store.finish("gru", Outcome("ok", measurements=(size, *counted, *state)))
        store.finish("together", Outcome("ok", measurements=(size, *counted[:1])))
        store.finish("trained", Outcome("ok", measurements=(Measurement("size", "parameters", 9999),)))
    table = next(table for table in tables(read(tmp_path)) if table.name == "cost")
    assert table.text.to_numpy().tolist() == [
        ["gru", "864", "operations/token, counted", "1.54k", "1.54k"],
        ["gru", "864", "decoding state (bytes)", "32", "-"],
        ["together", "864", "operations/token, counted", "1.54k", "-"],
    ]
