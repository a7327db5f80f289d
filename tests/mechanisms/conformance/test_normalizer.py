"""The checks of a normalizer: each finds a fault and says what is wrong."""

import pytest
import torch
from torch import nn

from mechanisms import NORMALIZERS
from mechanisms.conformance.compiling import STOPS
from tests.conformance import checks_without_fault, failures, message, result_of


class MasksWithZero(NORMALIZERS["softmax"]):
    """A common mistake: weights are masked after the softmax, whose sum has the masked keys."""

    def forward(self, scores, mask=None):
        weights = scores.softmax(-1)
        return weights if mask is None else weights * mask


class MasksWithInfinity(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return (scores if mask is None else scores.masked_fill(~mask, float("-inf"))).softmax(-1)


class IgnoresTheMask(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return scores.softmax(-1)


class OverQueries(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return scores.softmax(-2)


class ForgetsDtype(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores, mask) * torch.ones(scores.shape[-1], dtype=torch.float64)


class FillsTooLow(NORMALIZERS["softmax"]):
    """Finite only for scores whose exponentials are."""

    def forward(self, scores, mask=None):
        return super().forward(scores, mask) / (scores.exp().sum(-1, keepdim=True) > 0)


class HidesNan(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores, mask).nan_to_num()


class CountsTheMask(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        weights = super().forward(scores, mask)
        return weights if mask is None else weights * mask.sum(-1, keepdim=True)


class StraightThrough(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        soft = super().forward(scores, mask)
        return soft.round() + soft - soft.detach()


class DrawsUndeclared(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores + torch.randn_like(scores), mask)


class DrawsGlobally(DrawsUndeclared):
    stochastic = True


class DrawsAlways(NORMALIZERS["hard"]):
    def forward(self, scores, mask=None):
        training, self.training = self.training, True
        weights = super().forward(scores, mask)
        self.training = training
        return weights


class DrawsTheSame(NORMALIZERS["hard"]):
    def forward(self, scores, mask=None):
        self.draws = 0
        return super().forward(scores, mask)


class ForgetsItsSeed(NORMALIZERS["hard"]):
    def get_extra_state(self):
        return torch.tensor([1, self.draws])

    def set_extra_state(self, state):
        self.draws = state.tolist()[1]


class ReadsNumbersWhenBuilt(NORMALIZERS["softmax"]):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(()).item()


class StaysOnTheCpu(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores * torch.ones(scores.shape[-1], dtype=scores.dtype), mask)


class BreaksTheGraph(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        if scores.max().item() > 100:
            scores = scores / 2
        return super().forward(scores, mask)


class OtherWhenCompiled(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores * (2 if torch.compiler.is_compiling() else 1), mask)


class LearnsNothing(NORMALIZERS["softmax"]):
    def __init__(self):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, scores, mask=None):
        return super().forward(scores * self.temperature.detach(), mask)


FAULTS = [
    (nn.Identity, "constructs", "Identity is not a Normalizer: write `class Identity(Normalizer)`"),
    (MasksWithZero, "masked_scores_do_not_matter", "mask the scores before they are summed"),
    (MasksWithInfinity, "fully_masked_rows_are_zero", "must be all zeros, and is [nan"),
    (IgnoresTheMask, "masked_keys_are_out", "was the mask used (True means not masked)?"),
    (OverQueries, "rows_independent", "normalise over the last axis"),
    (ForgetsDtype, "keeps_shape", "torch.float64 for scores (2, 3, 5, 7) and torch.float32: is a tensor made"),
    (FillsTooLow, "finite", "is the row's maximum subtracted before exp?"),
    (HidesNan, "nan_stays_nan", "a score that is NaN must have a weight that is NaN"),
    (CountsTheMask, "masks_broadcast", "a mask (2, 1, 5, 1), a column of queries, gives other weights"),
    (StraightThrough, "gradients_exact", "set `surrogate = True` on the class"),
    (DrawsUndeclared, "deterministic", "A normalizer with random weights sets `stochastic = True`"),
    (DrawsGlobally, "draws_follow_the_state", "never from torch's global one"),
    (DrawsAlways, "deterministic", "differ in eval mode"),
    (DrawsTheSame, "draws_follow_the_state", "eight draws in training mode are all the same"),
    (ForgetsItsSeed, "saved_state_suffices", "nor in get_extra_state"),
    (ReadsNumbersWhenBuilt, "follows_device", "Does the constructor read the numbers in a tensor?"),
    (StaysOnTheCpu, "follows_device", "without `device=x.device`"),
    (OtherWhenCompiled, "compiles", "compiled it gives another output or gradient"),
    (LearnsNothing, "parameters_learn", "parameter 'temperature' gets no gradient"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(NORMALIZERS, value, check)


def test_every_check_has_a_fault():
    from .test_part_calls import checks_of

    assert not checks_without_fault(NORMALIZERS, [check for _, check, _ in FAULTS] + checks_of(NORMALIZERS))


def test_a_surrogate_gradient_is_allowed_if_it_is_declared():
    class Declared(StraightThrough):
        surrogate = True

    assert "gradients_exact" not in failures(NORMALIZERS, Declared)


def test_a_graph_break_is_a_finding_and_not_a_failure():
    result = result_of(NORMALIZERS, BreaksTheGraph, "compiles")
    assert result.passed
    assert result.message.startswith(STOPS)


@pytest.mark.parametrize("name", [name for name in NORMALIZERS if name != "hard"])
def test_normalizers_run_where_numbers_are_not_known(name):
    """Otherwise the check `follows_device` would find nothing out about them."""
    scores, mask = torch.randn(2, 3, 5, 7, device="meta"), torch.ones(2, 1, 5, 7, dtype=torch.bool, device="meta")
    assert NORMALIZERS[name]()(scores, mask).shape == scores.shape
