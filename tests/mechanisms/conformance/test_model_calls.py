"""Faults of a sequence model that only some calls show: in training mode, at a length, in a large batch, by seeding."""

import random

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mechanisms import MODELS
from registry.checks import run_checks
from tests.conformance import failures, message

from .test_model import Drops, Sums


class NormsOverPositions(Sums):
    """In eval mode the statistics are fixed numbers, and there is no fault."""

    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.norm = nn.BatchNorm1d(width)

    def mix(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2).cumsum(1)


class NormsWithoutStatistics(Sums):
    """It keeps nothing between calls."""

    def mix(self, x):
        return super().mix(F.batch_norm(x.transpose(1, 2), None, None, training=True).mT if self.training else x)


class LooksAhead(Sums):
    def mix(self, x):
        return super().mix(x) + (F.pad(x[:, 1:], (0, 0, 0, 1)) if self.training else 0)


class LooksFarAhead(Sums):
    def mix(self, x):
        return super().mix(x) + F.pad(x[:, 100:], (0, 0, 0, min(100, x.shape[1])))


class KeepsTheLast(Sums):
    last = 0.0

    def mix(self, x):
        if not self.training:
            return super().mix(x)
        before, self.last = self.last, x.mean().detach()
        return super().mix(x) + before


class KeepsForLater(Sums):
    """What training mode keeps is used in eval mode only."""

    last = 0.0

    def mix(self, x):
        if self.training:
            self.last = x.mean().detach()
            return super().mix(x)
        return super().mix(x) + self.last


class CutsGradientsInTraining(Sums):
    def mix(self, x):
        return x + (x.cumsum(1) - x).detach() if self.training else super().mix(x)


class CutsBlocksInTraining(Sums):
    def mix(self, x):
        whole = x.shape[1] // 4 * 4 if self.training else 0
        return torch.cat([x[:, :whole].cumsum(1), x[:, whole:].cumsum(1)], 1)


class TiresOfSteps(Sums):
    """The step after twenty is wrong."""

    def start(self, source):
        return source.sum(1), 0

    def step(self, query, state):
        total, steps = state
        total = total + query if steps < 20 else query
        return self.map(total), (total, steps + 1)


class ForgetsTheFarSource(Sums):
    def start(self, source):
        return source[:, -100:].sum(1)


class CountsTheBatch(Sums):
    """Right in batches of up to eight."""

    def mix(self, x):
        return super().mix(x) / (1 if x.shape[0] <= 8 else x.shape[0])


class CountsTheBatchInTraining(Sums):
    def mix(self, x):
        return super().mix(x) / (x.shape[0] if self.training else 1)


class SeedsWhenBuilt(Sums):
    def __init__(self, width, *, causal=True):
        torch.manual_seed(0)
        super().__init__(width, causal=causal)


class SeedsFromTheClock(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        torch.seed()


class SeedsInACall(Sums):
    def mix(self, x):
        random.seed(7)
        return super().mix(x)


class SeedsNumpyInTraining(Sums):
    def mix(self, x):
        if self.training:
            numpy.random.seed(7)
        return super().mix(x)


class Seven(Sums):
    def flops(self, source, query):
        return 7


class MinusFive(Sums):
    def flops(self, source, query):
        return -5


class OneLength(Sums):
    """Right at one length, and the same at all others."""

    def flops(self, source, query):
        return 2 * 24 * 24 * 96


class Halved(Sums):
    """A multiplication and an addition count as one, and only the queries count."""

    def flops(self, source, query):
        return 24 * 24 * query


class Correct(Sums):
    def flops(self, source, query):
        return 2 * self.width * self.width * (source + query)


class DropsInTraining(Sums):
    """Correct: dropout draws from torch's global generator, which the trial has seeded."""

    def mix(self, x):
        return super().mix(F.dropout(x, 0.5, self.training))


FAULTS = [
    (NormsOverPositions, "causal", "in training mode only: an earlier output changes with a later query"),
    (NormsOverPositions, "training_keeps_nothing", "is a buffer or an attribute changed in a call?"),
    (NormsWithoutStatistics, "causal", "in training mode only: an earlier output changes with a later query"),
    (NormsWithoutStatistics, "batch_of_one", "in training mode only: an example has other outputs in a batch of 1"),
    (LooksAhead, "causal", "in training mode only: an earlier output changes with a later query"),
    (LooksFarAhead, "causal_at_length", "an earlier output changes with a later query"),
    (KeepsTheLast, "deterministic", "in training mode only: two calls on the same input differ"),
    (KeepsForLater, "training_keeps_nothing", "a call in training mode changes what calls in eval mode give"),
    (CutsGradientsInTraining, "gradients_exact", "in training mode only: the gradient is not that of the output"),
    (CutsBlocksInTraining, "prefixes_agree", "in training mode only: the first 4 of 5 queries"),
    (TiresOfSteps, "steps_at_length", "step 20 after start gives another output than forward"),
    (ForgetsTheFarSource, "steps_at_length", "step 0 after start gives another output than forward"),
    (CountsTheBatch, "batch_of_one", "other outputs in a batch of 1 than in one of 11"),
    (CountsTheBatchInTraining, "batch_of_one", "in training mode only: an example has other outputs in a batch of 1"),
    (SeedsWhenBuilt, "seeds_nothing", "a constructor seeds the global generator of torch"),
    (SeedsFromTheClock, "seeds_nothing", "a constructor seeds the global generator of torch"),
    (SeedsInACall, "seeds_nothing", "a call seeds the global generator of random"),
    (SeedsNumpyInTraining, "seeds_nothing", "a call seeds the global generator of numpy.random"),
    (Seven, "flops_are_counted", "flops gives 7 operations for 5 source and 3 query positions, and torch counts 9,216"),
    (MinusFive, "flops_are_counted", "flops gives -5 operations"),
    (OneLength, "flops_are_counted", "flops gives 110,592 operations for 5 source and 3 query positions"),
    (Halved, "flops_are_counted", "flops gives 7,488 operations for 83 source and 13 query positions"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(MODELS, value, check)


@pytest.mark.parametrize("value", [TiresOfSteps, ForgetsTheFarSource, CountsTheBatch, KeepsForLater])
def test_one_check_only_finds_it(value):
    """So this check is needed, and the message names the fault."""
    assert set(failures(MODELS, value)) == {check for kind, check, _ in FAULTS if kind is value}


@pytest.mark.parametrize("value", [Correct, DropsInTraining])
def test_what_is_correct_passes(value):
    assert failures(MODELS, value) == {}


def test_what_follows_from_randomness_is_not_judged():
    results = {result.check: result for result in run_checks(MODELS.checks(), Drops)}
    assert set(failures(MODELS, Drops)) == {"deterministic"}
    assert results["output_shape"].passed
    unjudged = {name for name, result in results.items() if not result.judged}
    assert {"causal", "step_is_forward", "batch_of_one", "saved_weights_suffice"} <= unjudged
    assert results["causal"].message == "not judged, because the check 'deterministic' failed"
