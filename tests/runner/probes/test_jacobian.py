"""The norm of the end-to-end Jacobian against laws, against all its entries, and with a fault in the backward pass."""

import functools
import math

import numpy as np
import pytest
import torch
from torch import nn

from mechanisms import MODELS, SequenceModel
from results.analysis.decay import decay
from runner.probes import PROBES, Recipe, Subject
from runner.training import seeds
from tests.planted import Shrunk
from tests.runner.probes.test_probes import LinearRNN

CPU = torch.device("cpu")
WIDTH = 7


def measured(model, length, examples=3, quantity="jacobian_norm"):
    subject = Subject(lambda: model, Recipe(width=WIDTH), CPU, functools.partial(seeds.generator, CPU))
    rows = PROBES["gradient_flow"](lengths=[length], examples=examples).untrained(subject)
    return [row for row in rows if row.quantity == quantity]


def values(rows):
    return np.array([row.value for row in rows])


@pytest.mark.parametrize("rho", [0.8, 1.0, 1.1])
def test_a_linear_recurrence_has_powers_of_its_radius(rho):
    """J = (rho Q)^d with Q orthogonal, of norm rho^d √width, exactly and for every example."""
    rows = measured(LinearRNN(WIDTH, rho), 31)
    assert values(rows) == pytest.approx(math.sqrt(WIDTH) * rho ** np.arange(1.0, 32), rel=1e-9)
    assert all(row.high - row.low <= 1e-8 * row.value for row in rows), "no example differs from another"


class Residual(SequenceModel):
    """L layers x + a x at each position, and behind them the sum of all positions."""

    def __init__(self, a, layers):
        super().__init__(WIDTH)
        self.a, self.layers = nn.Parameter(torch.tensor(a)), layers

    def forward(self, source, query):
        x = torch.cat([source, query], dim=1)
        for _ in range(self.layers):
            x = x + self.a * x
        return x.sum(1, keepdim=True)


def test_a_residual_stack_has_powers_of_one_plus_its_factor():
    assert values(measured(Residual(0.3, 9), 5)) == pytest.approx(np.full(5, math.sqrt(WIDTH) * 1.3**9), rel=1e-6)


class Uniform(SequenceModel):
    """Attention that weighs all n positions equally."""

    def __init__(self):
        super().__init__(WIDTH)
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, source, query):
        return torch.cat([source, query], dim=1).mean(1, keepdim=True)


def test_uniform_attention_is_flat_at_one_nth():
    assert values(measured(Uniform(), 12)) == pytest.approx(np.full(12, math.sqrt(WIDTH) / 13), rel=1e-6)
    assert values(measured(Uniform(), 12, quantity="gradient_norm")) == pytest.approx(np.full(12, 1 / 13), rel=1e-6)


def test_the_estimate_is_that_of_all_entries_within_its_standard_errors():
    """A matrix that is far from orthogonal, by torch's own Jacobian; of 40 estimates about 38 lie within two errors."""
    torch.manual_seed(0)
    model = nn.Linear(WIDTH, WIDTH, bias=False).double()
    model.weight.data.copy_(torch.arange(1.0, WIDTH + 1)[:, None] * torch.randn(WIDTH, WIDTH))

    class Reads(SequenceModel):
        def __init__(self):
            super().__init__(WIDTH)
            self.map = model

        def forward(self, source, query):
            return self.map(source[:, -1:])

    truth = torch.autograd.functional.jacobian(model, torch.zeros(WIDTH, dtype=torch.float64)).norm().item()
    inside = 0
    for seed in range(40):
        subject = Subject(Reads, Recipe(width=WIDTH), CPU, lambda purpose, s=seed: seeds.generator(CPU, purpose, s))
        (row,) = [
            row
            for row in PROBES["gradient_flow"](lengths=[2], examples=64).untrained(subject)
            if row.quantity == "jacobian_norm" and row.at["distance"] == 1
        ]
        error = (row.high - row.low) / 2
        inside += abs(row.value - truth) <= 2 * error
        assert error < 0.1 * truth
    assert inside >= 35


class Faulty(LinearRNN):
    def forward(self, source, query):
        state, outputs = source.new_zeros(len(source), self.width), []
        for x in torch.cat([source, query], dim=1).unbind(1):
            state = Shrunk.apply(state) @ self.W.T + x
            outputs.append(state)
        return torch.stack(outputs[source.shape[1] :], dim=1)


def test_a_backward_pass_that_loses_a_tenth_a_step_decays_faster_by_that():
    """By -ln 0.9 = 0.105 nats a position, though all answers are the same."""
    right, wrong = LinearRNN(WIDTH, 0.95).double(), Faulty(WIDTH, 0.95).double()
    given = torch.randn(2, 5, WIDTH, dtype=torch.float64), torch.randn(2, 3, WIDTH, dtype=torch.float64)
    assert torch.equal(right(*given), wrong(*given))
    rates = [decay(np.arange(1.0, 32), [values(measured(model, 31))]).rate for model in (right, wrong)]
    assert rates == pytest.approx([-math.log(0.95), -math.log(0.95) - math.log(0.9)], abs=1e-6)


def test_one_example_has_no_standard_error():
    (row, *_) = measured(MODELS["gru"](WIDTH), 3, examples=1)
    assert (row.low, row.high) == (None, None)
