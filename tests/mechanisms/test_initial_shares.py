"""No part may start so weak or so strong beside the others that it loses steps: docs/decisions.md has the rule."""

import pytest
import torch

from benchmarks.initial_shares import HOSTS, bias_spread, embedded, in_host, runs_in, spread
from mechanisms import ALIGNMENTS, POSITIONS

# Each alignment that the rule cannot hold for, with the reason.
WITHOUT_THE_RULE = {
    "dot": "it has no parameter, so its spread is √d",
    "gaussian": "it has no parameter; the norms of the keys are in its scores, so its spread is √1.5",
    "monotonic": "its scores are logarithms of the probabilities of where the pointer stops",
}
EMBEDDING = ["sinusoidal", "learned"]


def test_these_schemes_embed():
    assert {name for name in POSITIONS if embedded(name) > 0} == set(EMBEDDING)


@pytest.mark.parametrize("name", EMBEDDING)
def test_positions_start_with_the_variance_of_sinusoidal_ones(name):
    """A sine and a cosine of one angle have squares that sum to 1, so their mean square is 1/2."""
    assert 0.25 < embedded(name) < 1.0


def test_a_learned_bias_starts_with_half_the_variance_of_the_scores():
    """Twenty keys are in twenty buckets or nearly, so the variance over the keys is that of the parameter."""
    assert 0.25 < bias_spread("t5") ** 2 < 1.0


@pytest.mark.parametrize("name", sorted(set(ALIGNMENTS) - set(WITHOUT_THE_RULE)))
def test_scores_of_unit_variance_inputs_start_with_spread_one(name):
    alignment = ALIGNMENTS[name](31, 67, 67)
    query, key = torch.randn(7, 31, 11, 67), torch.randn(7, 31, 13, 67)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(13)))
    assert 0.85 < spread(scores).mean().sqrt().item() < 1.15


@pytest.mark.parametrize("name", sorted(set(ALIGNMENTS) - set(WITHOUT_THE_RULE)))
@pytest.mark.parametrize("host", HOSTS)
def test_spread_in_each_host(host, name):
    """A Transformer projects to unit variance; recurrent states are smaller, and so are the scores of them."""
    if runs_in(name, host):
        lowest = 1 / 1.5 if host.startswith("transformer") else 0.03
        assert lowest < in_host(host, name, seeds=2) < 1.5
