from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import trim_mean

from results.analysis.fits import least_squares_slope, robust_slope
from results.analysis.intervals import (
    aggregate,
    bootstrap,
    interquartile_mean,
    mean_interval,
    probability_of_improvement,
)


def test_interquartile_mean_by_hand() -> None:
    # Eight scores: two are cut at each end, (3 + 4 + 5 + 6) / 4 is left.
    assert interquartile_mean(np.array([8.0, 1, 2, 3, 4, 5, 6, 700])) == pytest.approx((3 + 4 + 5 + 6 - 0) / 4)
    assert interquartile_mean(np.array([1.0, 2, 6])) == pytest.approx(3)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 11, 23, 64])
def test_interquartile_mean_is_rliable_s(count: int) -> None:
    scores = np.random.default_rng(count).normal(size=(5, count))
    assert interquartile_mean(scores) == pytest.approx(trim_mean(scores, 0.25, axis=1))


def test_the_bootstrap_covers() -> None:
    generator = np.random.default_rng(7)
    tries, inside = 200, 0
    for _ in range(tries):
        # Symmetric about the mean, so the interquartile mean of the population is known: 0.5.
        strata = [generator.normal(0.5, 0.1, size=20) for _ in range(3)]
        low, high = bootstrap(strata, generator, resamples=300)
        inside += low <= 0.5 <= high
    assert 0.88 <= inside / tries <= 0.99


def test_the_bootstrap_keeps_to_the_strata() -> None:
    # No spread within a task, much between tasks: resampling over tasks would give a wide interval.
    low, high = bootstrap([np.zeros(6), np.ones(6)], np.random.default_rng(0))
    assert low == high == 0.5


def test_few_seeds_give_a_range() -> None:
    found = aggregate([np.array([0.1, 0.3]), np.array([0.7, 0.9])], np.random.default_rng(0))
    assert found.kind == "range"
    assert found[:3] == pytest.approx((0.5, 0.4, 0.6))
    assert aggregate([np.array([0.4])], np.random.default_rng(0)).kind == "none"
    assert aggregate([np.arange(5.0)], np.random.default_rng(0)).kind == "bootstrap"


def test_the_range_holds_the_value() -> None:
    generator = np.random.default_rng(1)
    for _ in range(200):
        strata = [generator.normal(size=generator.integers(1, 5)) for _ in range(generator.integers(1, 6))]
        found = aggregate(strata, generator)
        assert found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_the_mean_has_a_t_interval() -> None:
    found = mean_interval(np.array([1.0, 2, 3, 4, 5]))
    # t(0.975, 4) = 2.776, standard error = sqrt(2.5 / 5).
    assert found[:3] == pytest.approx((3, 3 - 2.7764 * 0.5**0.5, 3 + 2.7764 * 0.5**0.5), abs=1e-3)


def test_probability_of_improvement_by_hand() -> None:
    generator = np.random.default_rng(0)
    # First task: 1 > 0, 1 = 1, 3 > 0, 3 > 1 of four pairs, 3.5 / 4; second task: never.
    found = probability_of_improvement(
        [np.array([1.0, 3]), np.array([0.0, 0])], [np.array([0.0, 1]), np.array([1.0, 1])], generator
    )
    assert found.value == pytest.approx(3.5 / 4 / 2)
    many = probability_of_improvement([np.arange(6.0) + 100], [np.arange(6.0)], generator)
    assert many[:3] == (1, 1, 1)


def test_slopes() -> None:
    x = np.arange(10.0)
    wild = 3 * x + 1
    wild[4] = 1e6
    assert robust_slope(x, wild).value == pytest.approx(3)
    exact = least_squares_slope(x, 3 * x + 1)
    assert exact[:3] == pytest.approx((3, 3, 3))
    flat = least_squares_slope(x, np.ones(10))
    assert flat[:3] == pytest.approx((0, 0, 0))
    two = least_squares_slope(x[:2], x[:2])
    assert two.value == 1
    assert np.isnan(two.low)
    assert np.isnan(robust_slope([1], [1]).value)
