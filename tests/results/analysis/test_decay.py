from __future__ import annotations

import math

import numpy as np
import pytest

from results import Measurement, Outcome, Store
from results.analysis.decay import decay, decays, profiles
from results.analysis.run import Run, read
from tests.results.trials import planned

DISTANCE = np.arange(1.0, 101)


@pytest.mark.parametrize("base", [0.5, 0.9, 0.999, 1.0, 1.02])
def test_a_pure_exponential_gives_its_rate(base: float) -> None:
    found = decay(DISTANCE, [0.37 * base**DISTANCE] * 2)
    assert found.rate == pytest.approx(-math.log(base), abs=1e-12)
    assert found.low == pytest.approx(found.high, abs=1e-9)
    # 1 % is left where base^(distance - 1) = 0.01.
    expected = 1 + math.log(0.01) / math.log(base) if base < 0.99 else math.inf
    assert found.horizon == pytest.approx(expected)


@pytest.mark.parametrize("seeds", [2, 5, 8])
def test_the_interval_is_that_of_the_seeds(seeds: int) -> None:
    generator, inside = np.random.default_rng(3), 0
    for _ in range(100):
        rates = 0.1 + 0.01 * generator.normal(size=seeds)
        found = decay(DISTANCE, [np.exp(-rate * DISTANCE) for rate in rates])
        assert found.rate == pytest.approx(rates.mean())
        if seeds < 5:
            assert (found.low, found.high) == pytest.approx((rates.min(), rates.max()))
        inside += found.low <= 0.1 <= found.high
    # Two seeds span the truth in half of the cases, and are called a range.
    assert 40 <= inside <= 60 if seeds == 2 else inside >= 88


def test_what_is_no_exponential_has_no_rate() -> None:
    """Mamba's is at 1 % after 7 positions and flat behind; monotonic's is smallest at the nearest position."""
    steep = np.where(DISTANCE < 8, np.exp(-0.7 * DISTANCE), np.exp(-0.7 * 8) * (1 + 0.1 * np.sin(DISTANCE)))
    elsewhere = 1e-15 + np.exp(-(((DISTANCE - 60) / 10) ** 2))
    for norm in (steep, elsewhere):
        found = decay(DISTANCE, [norm, 1.1 * norm])
        assert found.verdict == "no exponential"
        assert math.isnan(found.rate)
    assert decay(DISTANCE, [steep]).horizon == pytest.approx(1 + math.log(100) / 0.7, abs=0.1)
    noisy = decay(DISTANCE, [np.exp(0.3 * np.random.default_rng(0).normal(size=100))])
    assert (noisy.verdict, math.isnan(noisy.rate)) == ("stable", True)


@pytest.mark.parametrize(
    ("rate", "verdict"), [(0.1, "vanishing"), (0.01, "stable"), (-0.01, "stable"), (-0.1, "exploding")]
)
def test_verdicts(rate: float, verdict: str) -> None:
    assert decay(DISTANCE, [np.exp(-rate * DISTANCE)]).verdict == verdict


def test_underflow() -> None:
    with np.errstate(under="ignore"):
        norm = 0.001**DISTANCE * 1e-200
    norm[60:] = 0.0
    found = decay(DISTANCE, [norm])
    assert found.rate == pytest.approx(-math.log(0.001))
    assert found.verdict == "vanishing"
    assert found.horizon == pytest.approx(1 + 2 / 3)
    at_once = decay(DISTANCE, [np.where(DISTANCE == 1, 1.0, 0.0)])
    assert (at_once.rate, at_once.horizon, at_once.verdict) == (math.inf, 2, "vanishing")
    nothing = decay(DISTANCE, [np.zeros(100)])
    assert nothing.verdict == "none"
    assert math.isnan(nothing.rate)


def test_a_horizon_that_is_not_reached_is_censored() -> None:
    found = decay(DISTANCE, [np.full(100, 0.2)])
    assert math.isinf(found.horizon)
    assert found.reach == 100


def test_profiles_are_normalised_by_the_nearest(results: Run) -> None:
    table = profiles(results.frame[results.frame["stage"] == "initial"])
    nearest = table[table["distance"] == 1]
    assert (nearest["value"] == 1).all()
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_decays_of_a_run(results: Run) -> None:
    table = decays(results.frame[results.frame["stage"] == "initial"]).set_index("mechanism")
    assert table.loc["rnn", "rate"] == pytest.approx(0.2, abs=0.001)
    assert table.loc["rnn", "explained"] > 0.99
    assert table.loc["rnn", "verdict"] == "vanishing"
    assert table.loc["transformer(dot)", "verdict"] == "stable"


def test_the_profile_is_the_mean_over_seeds(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("seeds")
    with Store(folder / "results.sqlite") as store:
        store.plan([planned(f"{seed}", "lstm", seed=seed, probes=["gradient_flow"]) for seed in range(2)])
        for seed, norms in enumerate([(2.0, 1.0), (4.0, 1.0)]):
            rows = [
                Measurement(
                    "gradient_flow", "gradient_norm", norm, at={"stage": "initial", "length": 9, "distance": place}
                )
                for place, norm in enumerate(norms, 1)
            ]
            store.finish(str(seed), Outcome("ok", measurements=tuple(rows)))
    far = profiles(read(folder).frame).iloc[1]
    assert far["value"] == pytest.approx((1 + 1) / (2 + 4))
    assert (far["low"], far["high"], far["seeds"]) == (0.25, 0.5, 2)
