from __future__ import annotations

import numpy as np
import pytest

from results.analysis.fits import least_squares_slope, robust_slope
from results.analysis.intervals import mean_interval, mean_over_tasks


def test_the_mean_over_tasks_by_hand() -> None:
    # Three tasks count alike, however many seeds each has: (0.15 + 1 + 0.5) / 3, and none is cut off.
    tasks = [np.array([0.1, 0.2]), np.array([1.0, 1.0, 1.0]), np.array([0.5])]
    found = mean_over_tasks(tasks)
    assert found.kind == "range"
    assert found[:3] == pytest.approx((0.55, (0.1 + 1 + 0.5) / 3, (0.2 + 1 + 0.5) / 3))
    assert mean_over_tasks([np.array([0.4]), np.array([])]) == (0.4, 0.4, 0.4, "none")
    assert mean_over_tasks([]).kind == "none"


@pytest.mark.parametrize("sd", [(0.1, 0.1, 0.1), (0.3, 0.01, 0.01)])
def test_the_interval_of_the_mean_over_tasks_covers(sd: tuple[float, ...]) -> None:
    generator, inside = np.random.default_rng(7), 0
    for _ in range(400):
        found = mean_over_tasks(
            [mean + each * generator.normal(size=5) for mean, each in zip((0.1, 0.5, 0.9), sd, strict=True)]
        )
        inside += found.low <= 0.5 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_the_mean_has_a_t_interval() -> None:
    found = mean_interval(np.array([1.0, 2, 3, 4, 5]))
    # t(0.975, 4) = 2.776, standard error = sqrt(2.5 / 5).
    assert found[:3] == pytest.approx((3, 3 - 2.7764 * 0.5**0.5, 3 + 2.7764 * 0.5**0.5), abs=1e-3)


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
