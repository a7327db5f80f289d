"""The checks pass for all that is registered, and fail helpfully for what is broken."""

import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, Alignment, InnerProduct, SequenceModel
from mechanisms.checks import CHECKS, check_entry

ENTRIES = [(r.kind, r[name]) for r in (ALIGNMENTS, NORMALIZERS, POSITIONS, MODELS) for name in r]


@pytest.mark.parametrize(("kind", "value"), ENTRIES, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_everything_registered_passes(kind, value):
    results = list(check_entry(kind, value))
    assert [result.message for result in results if not result.passed] == []
    assert len(results) == len(CHECKS[kind])


class WrongShape(Alignment):
    def score(self, query, key):
        return torch.einsum("bhqa,bhka->bhka", query, key)


class LooksAtAllKeys(Alignment):
    def score(self, query, key):
        return (query @ key.transpose(-2, -1)).softmax(-1)


class KeysNormed(InnerProduct):
    def project_key(self, key, position):
        return key / key.norm(dim=2, keepdim=True)


class QueriesNormed(InnerProduct):
    def project_query(self, query):
        return query / query.norm(dim=2, keepdim=True)


class DeadParameter(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        self.unused = nn.Parameter(torch.zeros(3))


class Random(InnerProduct):
    def score(self, query, key):
        return super().score(query, key) + torch.randn(())


class Unsaved(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        self.W = torch.randn(query_dim, query_dim, dtype=torch.float64)

    def project_query(self, query):
        return query @ self.W.to(query.dtype)


class KnowsPosition(InnerProduct):
    def project_key(self, key, position):
        return key * (1 + position[:, None])


class Detached(InnerProduct):
    def project_query(self, query):
        return query.detach()


class Divides(InnerProduct):
    def project_key(self, key, position):
        return key / key.norm(dim=-1, keepdim=True)


class SinglePrecision(InnerProduct):
    def project_query(self, query):
        return query.float()

    def project_key(self, key, position):
        return key.float()


class MixesBatch(InnerProduct):
    def project_key(self, key, position):
        return key - key.mean(0, keepdim=True)


class NoArguments(InnerProduct):
    def __init__(self):
        super().__init__(1, 1, 1)


class CountsQueries(Alignment):
    """Right when all queries come at once, wrong in blocks of them."""

    def score(self, query, key):
        return query.shape[2] * (query @ key.transpose(-2, -1))


BROKEN_ALIGNMENTS = [
    (WrongShape, "score_shape", "score returned shape (2, 3, 7, 11) for queries (2, 3, 5, 11)"),
    (WrongShape, "score_shape", "did you sum over the wrong axis?"),
    (LooksAtAllKeys, "keys_independent", "a causal mask would leak the future"),
    (KeysNormed, "keys_independent", "a causal mask would leak the future"),
    (KeysNormed, "causal_inside_models", "inside a transformer: an earlier output changes with a later query"),
    (KeysNormed, "masked_keys_are_out", "a gradient reaches a masked key"),
    (QueriesNormed, "queries_independent", "the score of a query changes with another query"),
    (QueriesNormed, "steps_inside_models", "gives another output than forward"),
    (DeadParameter, "parameters_learn", "parameter 'unused' gets no gradient"),
    (Random, "deterministic", "two calls on the same input differ"),
    (Unsaved, "saved_weights_suffice", "neither parameter nor buffer"),
    (KnowsPosition, "permutation_equivariant", "set `positional = True`"),
    (Detached, "gradients_exact", "Is something detached"),
    (Divides, "finite", "inputs of size 0 are not finite: is there a division by zero"),
    (SinglePrecision, "keeps_precision", "score returned torch.float32 for torch.float64"),
    (MixesBatch, "batch_of_one", "a row alone is scored differently"),
    (CountsQueries, "paths_agree", "the streamed path differs from the plain one under the mask 'full'"),
    (NoArguments, "constructs", "it raised TypeError"),
    (nn.Linear, "constructs", "Linear is not an Alignment: write `class Linear(Alignment)`"),
]


def failures(kind: str, value: type) -> dict[str, str]:
    return {result.check: result.message for result in check_entry(kind, value) if not result.passed}


@pytest.mark.parametrize(("value", "check", "sentence"), BROKEN_ALIGNMENTS)
def test_a_broken_alignment_is_told_what_is_wrong(value, check, sentence):
    assert sentence in failures("alignment", value).get(check, "it passed")


class PeeksAhead(SequenceModel):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.map = nn.Linear(width, width)

    def forward(self, source, query):
        return self.map(query) + query.mean(1, keepdim=True) + source.mean(1, keepdim=True)

    def start(self, source):
        return source.mean(1)

    def step(self, query, state):
        return self.map(query) + state, state


class AnswersAtTheSource(PeeksAhead):
    def forward(self, source, query):
        return self.map(torch.cat([source, query], 1))


class IgnoresTheSource(PeeksAhead):
    def forward(self, source, query):
        return self.map(query)


class Drops(PeeksAhead):
    def forward(self, source, query):
        return nn.functional.dropout(self.map(query), 0.5)


BROKEN_MODELS = [
    (PeeksAhead, "causal", "so the model peeks ahead"),
    (PeeksAhead, "step_is_forward", "step 0 after start gives another output than forward"),
    (AnswersAtTheSource, "output_shape", "expected (2, 5, 24): answer at the query positions alone"),
    (IgnoresTheSource, "reads_source", "does not depend on the source"),
    (Drops, "deterministic", "two calls on the same input differ"),
    (nn.Identity, "constructs", "Identity is not a SequenceModel"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), BROKEN_MODELS)
def test_a_broken_model_is_told_what_is_wrong(value, check, sentence):
    assert sentence in failures("model", value).get(check, "it passed")


class MasksWithZero(NORMALIZERS["softmax"]):
    """The classic: weights are masked after the softmax, whose sum has seen the future."""

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


BROKEN_NORMALIZERS = [
    (MasksWithZero, "masked_scores_do_not_matter", "mask the scores before they are summed"),
    (MasksWithInfinity, "blind_rows_are_zero", "must be all zeros, and is [nan"),
    (IgnoresTheMask, "masked_keys_are_out", "was the mask used (True means may)?"),
    (OverQueries, "rows_independent", "normalise over the last axis"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), BROKEN_NORMALIZERS)
def test_a_broken_normalizer_is_told_what_is_wrong(value, check, sentence):
    assert sentence in failures("normalizer", value).get(check, "it passed")


class CountsFromZero(POSITIONS["none"]):
    def embed(self, x, position):
        return x + torch.arange(x.shape[1], dtype=x.dtype)[:, None]


def test_a_broken_position_is_told_what_is_wrong():
    assert "use the `position` that is passed" in failures("position", CountsFromZero)["positions_are_absolute"]


def test_checks_leave_the_random_state_alone():
    before = torch.random.get_rng_state()
    list(check_entry("alignment", Random))
    assert torch.equal(torch.random.get_rng_state(), before)
