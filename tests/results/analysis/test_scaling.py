from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.analysis.scaling import common_length, exponent, exponents, speeds
from tests.results.trials import QUANTITIES, planned

LENGTHS = np.array([64.0, 128, 256, 512, 1024])


@pytest.mark.parametrize("power", [0.0, 1.0, 1.7, 2.0])
def test_exponents_are_recovered(power: float) -> None:
    exact = exponent(LENGTHS, 3e-5 * LENGTHS**power)
    assert exact[:3] == pytest.approx((power, power, power), abs=1e-9)
    noisy = exponent(LENGTHS, LENGTHS**power * np.exp([0.05, -0.04, 0.02, -0.03, 0.01]))
    assert noisy.low < power < noisy.high


def test_what_has_no_logarithm_is_left_out() -> None:
    assert exponent(LENGTHS, np.array([0, np.nan, 256, 512, np.inf])).value == pytest.approx(1)
    assert np.isnan(exponent(LENGTHS, np.zeros(5)).value)


def test_time_is_of_the_whole_sequence(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("speed")
    with Store(folder / "results.sqlite") as store:
        store.plan([planned(name, name, probes=["throughput"]) for name in ("constant", "falling")], {}, QUANTITIES)
        for name, lengths, power in (("constant", LENGTHS, 0), ("falling", LENGTHS[:3], -1)):
            rows = [
                Measurement("throughput", "train", 1e6 * length**power, {"length": int(length)}) for length in lengths
            ]
            store.finish(name, Outcome("ok", measurements=tuple(rows)))
    run = read(folder)
    found = exponents(run, ("train",)).set_index("mechanism")["exponent"]
    # Tokens per second that do not depend on the length: time in proportion to it.
    assert found["constant"] == pytest.approx(1)
    assert found["falling"] == pytest.approx(2)
    assert common_length(run) == 256


def test_speeds_of_a_run(results: Run) -> None:
    assert common_length(results) == 512
    assert (speeds(results, ("train", "decode", "state")).groupby(["mechanism", "quantity"]).size() == 4).all()
    assert common_length(replace(results, frame=results.frame.iloc[:0])) is None
