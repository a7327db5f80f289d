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
    found = decay(DISTANCE, 0.37 * base**DISTANCE)
    assert found.rate == pytest.approx(-math.log(base), abs=1e-12)
    assert found.low == pytest.approx(found.high, abs=1e-9)
    # 1 % is left where base^(distance - 1) = 0.01.
    expected = 1 + math.log(0.01) / math.log(base) if base < 0.99 else math.inf
    assert found.horizon == pytest.approx(expected)


def test_noise_stays_within_the_interval() -> None:
    generator, inside = np.random.default_rng(3), 0
    for _ in range(50):
        found = decay(DISTANCE, np.exp(-0.1 * DISTANCE + 0.2 * generator.normal(size=100)))
        inside += found.low <= 0.1 <= found.high
    assert inside >= 42


@pytest.mark.parametrize(
    ("rate", "verdict"), [(0.1, "vanishing"), (0.01, "stable"), (-0.01, "stable"), (-0.1, "exploding")]
)
def test_verdicts(rate: float, verdict: str) -> None:
    assert decay(DISTANCE, np.exp(-rate * DISTANCE)).verdict == verdict


def test_underflow() -> None:
    with np.errstate(under="ignore"):
        norm = 0.001**DISTANCE * 1e-200
    norm[60:] = 0.0
    found = decay(DISTANCE, norm)
    assert found.rate == pytest.approx(-math.log(0.001))
    assert found.verdict == "vanishing"
    assert found.horizon == pytest.approx(1 + 2 / 3)
    at_once = decay(DISTANCE, np.where(DISTANCE == 1, 1.0, 0.0))
    assert (at_once.rate, at_once.horizon, at_once.verdict) == (math.inf, 2, "vanishing")
    nothing = decay(DISTANCE, np.zeros(100))
    assert nothing.verdict == "none"
    assert math.isnan(nothing.rate)


def test_a_horizon_that_is_not_reached_is_censored() -> None:
    found = decay(DISTANCE, np.full(100, 0.2))
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
    assert table.loc["rnn", "low"] <= 0.2 <= table.loc["rnn", "high"]
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
