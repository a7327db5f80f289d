"""Counted operations against formulas by hand, for models of which every product is known."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mechanisms import MODELS
from mechanisms.operations import counting
from runner.catalogue.costs import of_mechanisms, registered
from runner.probes.meters.flops import cost_of
from runner.suite.file import SuiteFile
from runner.suite.mechanisms import MechanismExpansion

WIDTH, S, Q = 6, 5, 6  # the even halves of 11
N = S + Q


def counted(work):
    with torch.no_grad(), counting() as counter:
        work()
    return counter.get_total_flops()


def test_a_linear_map_exactly():
    linear, x = nn.Linear(7, 5), torch.randn(3, 11, 7)
    assert counted(lambda: linear(x)) == 2 * 3 * 11 * 7 * 5


@pytest.mark.parametrize(
    ("work", "operations"),
    [
        (lambda: torch.randn(11, 7) @ torch.randn(7), 2 * 11 * 7),
        (lambda: torch.randn(2, 3, 11, 7) @ torch.randn(7), 2 * 6 * 11 * 7),
        (lambda: torch.addmv(torch.randn(11), torch.randn(11, 7), torch.randn(7)), 2 * 11 * 7),
        (lambda: torch.randn(7) @ torch.randn(7), 2 * 7),
        (lambda: torch.einsum("bhnd,hda->bhna", torch.randn(2, 3, 5, 7), torch.randn(3, 7, 2)), 2 * 2 * 3 * 5 * 7 * 2),
        (lambda: nn.Conv1d(3, 5, 4, padding=3)(torch.randn(1, 3, 11)), 2 * 3 * 5 * 4 * 14),
        (lambda: torch.randn(7).exp() + 1, 0),
    ],
)
def test_products_of_every_shape(work, operations):
    assert counted(work) == operations


@pytest.mark.parametrize("causal", [True, False])
def test_attention_kernels_are_counted(causal):
    q = torch.randn(1, 2, 11, 3)
    assert counted(lambda: F.scaled_dot_product_attention(q, q, q, is_causal=causal)) == 2 * 2 * 2 * 11 * 11 * 3


def test_counting_leaves_the_kernels_as_they_were():
    with torch.no_grad():
        model, x = MODELS["lstm"](WIDTH), torch.randn(1, N, WIDTH)
        before = model(x[:, :S], x[:, S:])
        cost_of(model, N)
        assert torch.backends.mkldnn.enabled
        assert torch.backends.cuda.flash_sdp_enabled()
        torch.testing.assert_close(model.eval()(x[:, :S], x[:, S:]), before)


@pytest.mark.parametrize(("name", "gates", "states"), [("rnn", 1, 1), ("gru", 3, 1), ("lstm", 4, 2)])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_networks_exactly(name, gates, states, layers):
    """A gate is a product with the input and one with the state. Also oneDNN's LSTM, which runs as one call."""
    cost = cost_of(MODELS[name](WIDTH, layers=layers), N)
    assert cost.counted == layers * N * gates * 2 * (2 * WIDTH * WIDTH)
    assert cost.state == layers * states * WIDTH * 4
    assert cost.analytic == cost.counted


def test_a_transformer_within_the_margin():
    """Projections and feed-forward exactly; of attention's square the kernel may compute more than is read.

    Layer one answers at all positions, the last at the queries; with a causal mask half of the square would do.
    """
    heads, expansion = 2, 4.0
    projections = lambda queries: 2 * WIDTH * WIDTH * (2 * queries + 2 * N)  # noqa: E731
    forward = lambda queries: 2 * 2 * expansion * WIDTH * WIDTH * queries  # noqa: E731
    square = lambda queries: 2 * 2 * queries * N * WIDTH  # noqa: E731
    products = projections(N) + projections(Q) + forward(N) + forward(Q)
    cost = cost_of(MODELS["transformer"](WIDTH, layers=2, heads=heads, expansion=expansion), N)
    assert products + square(N) + square(Q) <= cost.counted <= products + 2 * square(N)
    assert cost.state == 2 * 2 * N * WIDTH * 4, "keys and values, two layers, floats"
    assert cost.analytic == pytest.approx(cost.counted, rel=0.2)


@pytest.fixture(scope="module")
def rows():
    return {row.label: row for row in registered(8, 6)}


def test_formulas_of_all_models_are_near_what_is_counted(rows):
    """The margin: formulas leave out what kernels compute beside it, and count more than products in a score."""
    costs = {label: row.cost for label, row in rows.items()}
    known = {label: cost for label, cost in costs.items() if cost is not None and cost.analytic is not None}
    assert {"gru", "lstm", "transformer(additive)", "rnn_attention(dot)"} <= known.keys()
    for label, cost in known.items():
        assert 0.6 < cost.counted / cost.analytic < 1.4, (label, cost)


def test_what_cannot_be_built_is_a_row_with_its_problem(tiny):
    suite = SuiteFile(tiny(mechanisms="[gru, transformer: {heads: 2, alignment: location}]"))
    first, other = of_mechanisms(MechanismExpansion(suite).mechanisms(), 2000)
    assert first.problem is None
    assert first.parameters == 6 * 8 * 8 + 6 * 8
    assert other.cost is None
    assert "max_length" in other.problem


def test_alignments_that_a_host_refuses_have_the_reason(rows):
    refused = [row for row in rows.values() if row.problem is not None]
    assert all(row.cost is None and "earlier steps" in row.problem for row in refused)
    assert any(label.startswith("transformer(") and row in refused for label, row in rows.items())
