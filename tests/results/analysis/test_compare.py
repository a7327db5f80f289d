from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from benchmarks.false_claims import NOISES, power, share
from results.analysis.compare import Pair, compare


def scores(**of: list[float]) -> pd.DataFrame:
    rows = [(name, "copy", seed, value) for name, values in of.items() for seed, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["mechanism", "task", "seed", "score"])


PAIR = Pair("a", "b", "copy")


def test_mechanisms_that_vary_alike_share_their_variance() -> None:
    a, b = [0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.7, 0.8, 0.9, 1.0]
    found = compare(scores(a=a, b=b), [PAIR]).differences[PAIR]
    # Each has the pooled variance 0.025 with 8 degrees of freedom, so that their difference has 16.
    half = t.ppf(0.975, 16) * (2 * 0.025 / 5) ** 0.5
    assert found == (pytest.approx(-0.5), pytest.approx(-0.5 - half), pytest.approx(-0.5 + half), -1)


def test_a_noisier_mechanism_has_its_own_variance_and_few_degrees_of_freedom() -> None:
    a, b, c = [0.0, 0.5, 1.0, 0.5, 0.5], [0.8] * 5, [0.1, 0.11, 0.12, 0.11, 0.11]
    found = compare(scores(a=a, b=b, c=c), [PAIR]).differences[PAIR]
    own, pooled = np.var(a, ddof=1) / 5, (np.var(a, ddof=1) + np.var(c, ddof=1)) / 3 / 5
    freedom = (own + pooled) ** 2 / (own**2 / 4 + pooled**2 / 12)
    half = t.ppf(0.975, freedom) * (own + pooled) ** 0.5
    assert found[:3] == pytest.approx((-0.3, -0.3 - half, -0.3 + half))


def test_a_difference_must_be_worth_a_sentence() -> None:
    almost = [0.5, 0.5001, 0.5, 0.5001, 0.5]
    assert compare(scores(a=[v + 0.04 for v in almost], b=almost), [PAIR]).differences[PAIR].sign == 0
    assert compare(scores(a=[v + 0.06 for v in almost], b=almost), [PAIR]).differences[PAIR].sign == 1


def test_below_five_seeds_nothing_is_compared() -> None:
    assert compare(scores(a=[0.1] * 4, b=[0.9] * 6), [PAIR]) == ({}, {})


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        ("a quarter with ten times the sd", 5),
        pytest.param("a quarter with ten times the sd", 2, marks=pytest.mark.slow),
        *(pytest.param(name, seeds, marks=pytest.mark.slow) for name in NOISES for seeds in (5, 10)),
    ],
)
def test_reports_without_differences_claim_none(name: str, seeds: int) -> None:
    """`python -m benchmarks.false_claims` does it with 400 reports of each kind; 4 of 20 are what 5 % may give."""
    count, _ = share(NOISES[name], seeds, 20, np.random.default_rng(1))
    assert count <= (4 if seeds >= 5 else 0)


def test_a_large_difference_is_found() -> None:
    assert power(0.4, 5, 5, np.random.default_rng(2)) == (1, 1, 0)


def test_a_task_tells_mechanisms_apart_by_bonferroni_over_its_pairs() -> None:
    steady = np.array([0.0, 0.01, -0.01, 0.02, -0.02])

    def told(gap: float) -> bool:
        means = {"a": 0.5, "b": 0.5, "c": 0.5 + gap}
        return compare(scores(**{name: list(mean + steady) for name, mean in means.items()}), []).apart["copy"]

    # Three pairs, two of them `gap` apart, with the pooled variance and 24 degrees of freedom.
    error = (2 * float(np.var(steady, ddof=1)) / 5) ** 0.5
    least = t.ppf(1 - 0.05 / 3 / 2, 24) * error
    assert least < 0.05
    # MARGIN is more than this noise demands; ten times the noise demands more than MARGIN.
    assert not told(0.049)
    assert told(0.051)
    steady *= 10
    assert not told(9.9 * least)
    assert told(10.1 * least)


def test_a_pair_that_differs_tells_its_task_apart() -> None:
    names = [f"m{number}" for number in range(30)]
    table = scores(**{name: list(0.5 + 0.1 * np.random.default_rng(0).permutation(5)) for name in names})
    table.loc[table["mechanism"] == "m1", "score"] += 0.35
    pair = Pair("m1", "m0", "copy")
    assert compare(table, []).apart == {"copy": False}
    both = compare(table, [pair])
    assert both.differences[pair].sign == 1
    assert both.apart == {"copy": True}
