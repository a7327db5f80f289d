from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.analysis.scaling import common_length, exponent, exponents, mean_slope, slopes, speeds
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


NOISES = {
    "of each timing": lambda draw, shape: 0.03 * draw.standard_normal(shape),
    "of the whole round": lambda draw, shape: (
        0.3 * draw.standard_normal((shape[0], 1)) + 0.02 * draw.standard_t(4, shape)
    ),
    "that drifts within a round": lambda draw, shape: np.cumsum(0.03 * draw.standard_normal(shape), axis=1),
}


@pytest.mark.parametrize("rounds", [5, 10])
@pytest.mark.parametrize("noise", NOISES)
def test_an_interval_covers_the_exponent(rounds: int, noise: str) -> None:
    """In 90 to 99 % of 400 simulations, for times that are a power of the length but for the noise.

    The residuals of one line through the medians of the rounds covered it in 88 % where the noise drifts.
    """
    draw, lengths, covered = np.random.default_rng(0), np.array([64.0, 256, 1024, 4096]), 0
    for _ in range(400):
        seconds = lengths**1.7 * np.exp(NOISES[noise](draw, (rounds, 4)))
        found = mean_slope(np.array([exponent(lengths, each).value for each in seconds]))
        covered += found.low < 1.7 < found.high
    assert 360 <= covered <= 396


def test_each_round_has_a_slope() -> None:
    """Slopes of 1 and 2 by hand: 1.5, and half of the interval is t(1 degree of freedom) = 12.706 times 0.5."""
    rows = [(trial, n, n / n**power) for trial, power in (("a", 1), ("b", 2)) for n in (8.0, 16.0, 32.0)]
    frame = pd.DataFrame(rows, columns=["trial", "length", "value"]).assign(
        mechanism="gru", model="gru", quantity="train", unit="tokens/s", **{"mechanism.alignment": None}
    )
    found = slopes(frame).iloc[0]
    assert found[["exponent", "low", "high"]].tolist() == pytest.approx([1.5, 1.5 - 6.353, 1.5 + 6.353], abs=1e-3)
    assert found["lengths"] == 3
