"""Faults of alignments, normalizers and position schemes that only some calls or some hosts show."""

import random

import numpy
import pytest
import torch
from torch.nn import functional as F

from mechanisms import ALIGNMENTS, NORMALIZERS, POSITIONS, InnerProduct
from registry.checks import run_checks
from tests.conformance import failures, message

from .test_alignment import Random

Softmax, NoPosition = NORMALIZERS["softmax"], POSITIONS["none"]


class CountsAllKeys(Softmax):
    """Sigmoid with the bias -log n, where n counts masked keys too."""

    def forward(self, scores, mask=None):
        weights = (scores - numpy.log(max(scores.shape[-1], 1))).sigmoid()
        return weights if mask is None else weights.masked_fill(~mask, 0.0)


class SpreadsInTraining(Softmax):
    """Its temperature depends on the number of keys that are present."""

    def forward(self, scores, mask=None):
        return super().forward(scores / (scores.shape[-1] if self.training else 1), mask)


class MasksWithZeroInEval(Softmax):
    def forward(self, scores, mask=None):
        if self.training or mask is None:
            return super().forward(scores, mask)
        return scores.softmax(-1) * mask


class NormsTheBatch(Softmax):
    def forward(self, scores, mask=None):
        return super().forward(F.layer_norm(scores.mT, scores.shape[-2:-1]).mT if self.training else scores, mask)


class SharesInABatch(Softmax):
    """Right in batches of up to eight."""

    def forward(self, scores, mask=None):
        return super().forward(scores / (1 if scores.shape[0] <= 8 else 2), mask)


class RemembersScores(Softmax):
    last = 0.0

    def forward(self, scores, mask=None):
        before, self.last = self.last, float(scores.detach().sum()) if scores.device.type == "cpu" else 0.0
        return super().forward(scores * (1 + before), mask)


class SavesForEval(Softmax):
    last = 1.0

    def forward(self, scores, mask=None):
        if self.training:
            self.last = 1.5
            return super().forward(scores, mask)
        return super().forward(scores * self.last, mask)


class SeedsNormalizer(Softmax):
    def forward(self, scores, mask=None):
        torch.manual_seed(1)
        return super().forward(scores, mask)


class LeaksFromFar(InnerProduct):
    """A key also counts for the key a hundred places before."""

    def score(self, query, key):
        scores = super().score(query, key)
        far = min(100, key.shape[2])
        return scores + F.pad(scores[..., far:], (0, far))


class NormsKeysInEval(InnerProduct):
    def project_key(self, key, position):
        return key if self.training else key / key.norm(dim=2, keepdim=True)


class SeedsAlignment(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        random.seed(3)


class SharesScores(InnerProduct):
    def score(self, query, key):
        return super().score(query, key) / (1 if key.shape[0] <= 8 else 2)


class SavesScale(InnerProduct):
    factor = 1.0

    def project_query(self, query):
        if self.training:
            self.factor = 2.0
            return query
        return query * self.factor


class Seven(InnerProduct):
    def flops(self, queries, keys):
        return 7


class MinusFive(InnerProduct):
    pair_flops = -5


class CountsOneHead(InnerProduct):
    def flops(self, queries, keys):
        return queries * keys * self.pair_flops


class AddsElements(InnerProduct):
    """Correct: a score without a product, for which torch counts nothing."""

    def score(self, query, key):
        return -(query[:, :, :, None] - key[:, :, None]).square().sum(-1)

    @property
    def pair_flops(self):
        return 3 * self.key_dim


class SeedsPosition(NoPosition):
    def embed(self, x, position):
        numpy.random.seed(5)
        return x


class SharesPositions(NoPosition):
    def embed(self, x, position):
        return x / x.shape[0]


class KeepsPositions(NoPosition):
    shift = 0.0

    def embed(self, x, position):
        if self.training:
            self.shift = 1.0
            return x
        return x + self.shift


class ByIndexInEval(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, position if self.training else torch.arange(x.shape[2]))


FAULTS = [
    (NORMALIZERS, CountsAllKeys, "masked_keys_do_not_count", "count the keys that the query may see, not all that are"),
    (
        NORMALIZERS,
        CountsAllKeys,
        "steps_inside_models",
        "inside a transformer: step 0 after start gives another output",
    ),
    (NORMALIZERS, SpreadsInTraining, "masked_keys_do_not_count", "in training mode only: the weights of 7 keys"),
    (NORMALIZERS, MasksWithZeroInEval, "masked_scores_do_not_matter", "mask the scores before they are summed"),
    (NORMALIZERS, NormsTheBatch, "rows_independent", "in training mode only: the weights of a query change"),
    (
        NORMALIZERS,
        NormsTheBatch,
        "causal_inside_models",
        "inside a transformer: in training mode only: an earlier output",
    ),
    (NORMALIZERS, SharesInABatch, "batch_of_one", "other weights in a batch of 1 than in one of 13"),
    (NORMALIZERS, RemembersScores, "deterministic", "does it keep something between calls?"),
    (NORMALIZERS, SavesForEval, "training_keeps_nothing", "a call in training mode changes what calls in eval mode"),
    (NORMALIZERS, SeedsNormalizer, "seeds_nothing", "a call seeds the global generator of torch"),
    (ALIGNMENTS, LeaksFromFar, "keys_independent", "the score of a key changes with another key"),
    (ALIGNMENTS, NormsKeysInEval, "keys_independent", "the score of a key changes with another key"),
    (ALIGNMENTS, SeedsAlignment, "seeds_nothing", "a constructor seeds the global generator of random"),
    (ALIGNMENTS, SharesScores, "batch_of_one", "or in one of 1 differently than in one of 13"),
    (ALIGNMENTS, SavesScale, "training_keeps_nothing", "a call in training mode changes what calls in eval mode"),
    (ALIGNMENTS, Seven, "flops_are_counted", "flops gives 7 operations for 1 queries and 3 keys"),
    (ALIGNMENTS, MinusFive, "flops_are_counted", "flops gives -45 operations for 1 queries and 3 keys"),
    (ALIGNMENTS, CountsOneHead, "flops_are_counted", "flops gives 66 operations for 1 queries and 3 keys"),
    (POSITIONS, SeedsPosition, "seeds_nothing", "a call seeds the global generator of numpy.random"),
    (POSITIONS, SharesPositions, "batch_of_one", "an example is encoded differently alone than in a batch of 13"),
    (POSITIONS, KeepsPositions, "training_keeps_nothing", "a call in training mode changes what calls in eval mode"),
    (POSITIONS, ByIndexInEval, "positions_are_absolute", "position 3 alone is rotated differently"),
]


def checks_of(kind):
    """Return the checks of a kind for which there is a fault here."""
    return [check for registry, _, check, _ in FAULTS if registry is kind]


@pytest.mark.parametrize(("registry", "value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(registry, value, check, sentence):
    assert sentence in message(registry, value, check)


def test_a_score_of_elements_may_count_them():
    assert message(ALIGNMENTS, AddsElements, "flops_are_counted") == "it passed"


def test_what_follows_from_randomness_is_not_judged():
    results = {result.check: result for result in run_checks(ALIGNMENTS.checks(), Random)}
    assert set(failures(ALIGNMENTS, Random)) == {"deterministic"}
    assert results["score_shape"].passed
    assert {"keys_independent", "paths_agree", "compiles"} <= {
        name for name, each in results.items() if not each.judged
    }


def test_checks_restore_all_random_states():
    before = torch.random.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    for registry, value in ((NORMALIZERS, SeedsNormalizer), (ALIGNMENTS, SeedsAlignment), (POSITIONS, SeedsPosition)):
        message(registry, value, "constructs")
        message(registry, value, "deterministic")
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert numpy.random.get_state()[1].tolist() == before[2]
