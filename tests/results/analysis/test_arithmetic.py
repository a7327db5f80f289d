from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from results import Measurement, Outcome, Store
from results.analysis.arithmetic import shares
from results.analysis.run import read
from tests.results.trials import QUANTITIES, planned

PREFILL = [100.0, 50.0, 210.0, 300.0, 40.0]
PRODUCT = [1e6, 5e5, 2e6, 3e6, 5e5]


def test_a_share_is_taken_within_a_round(tmp_path: Path) -> None:
    """The machine halves and doubles its speed between rounds; the shares of its product stay."""
    timed = [planned(f"gru/{number}", "gru", round=number) for number in range(len(PREFILL))]
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([*timed, planned("cost", "gru", probes=["cost"]), planned("other", "rnn")], {}, QUANTITIES)
        for trial, rate, product in zip(timed, PREFILL, PRODUCT, strict=True):
            speed = Measurement("throughput", "prefill", rate, {"length": 8})
            uncounted = Measurement("throughput", "prefill", rate, {"length": 16})
            measured = (speed, uncounted, Measurement("throughput", "matmul", product))
            store.finish(trial.key, Outcome("ok", measurements=measured, session="a"))
        counted = Measurement("cost", "flops_prefill", 1000.0, {"length": 8})
        store.finish("cost", Outcome("ok", measurements=(counted,)))
        # What was timed without a product, and without a count, has no share.
        store.finish("other", Outcome("ok", measurements=(Measurement("throughput", "prefill", 9.0, {"length": 8}),)))
    (row,) = shares(read(tmp_path).frame).to_dict("records")
    by_hand = [0.1, 0.1, 0.105, 0.1, 0.08]
    expected = stats.ttest_1samp(by_hand, 0.0).confidence_interval()
    assert (row["mechanism"], row["length"], row["seeds"]) == ("gru", 8, 5)
    assert [row["value"], row["low"], row["high"]] == pytest.approx([0.097, expected.low, expected.high])
