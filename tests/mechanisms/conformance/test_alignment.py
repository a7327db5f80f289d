"""The checks of an alignment: each finds a fault and says what is wrong."""

import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, Alignment, InnerProduct
from mechanisms.alignments import PredictedWindow
from mechanisms.conformance.compiling import STOPS
from registry.checks import applies
from tests.conformance import checks_without_fault, message, result_of


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
    """Right if all queries are scored at once, and wrong if they are scored in blocks."""

    def score(self, query, key):
        return query.shape[2] * (query @ key.transpose(-2, -1))


class LosesItsEpsilon(InnerProduct):
    """In half precision 1.001 is 1, whose logarithm's logarithm is not finite."""

    def score(self, query, key):
        return super().score(query, key) + (torch.ones((), dtype=key.dtype, device=key.device) + 1e-3).log().log()


class KnowsHowMany(InnerProduct):
    def score(self, query, key):
        return super().score(query, key) + torch.zeros(5, 1, dtype=key.dtype, device=key.device)


class Squeezes(InnerProduct):
    def score(self, query, key):
        return super().score(query, key).squeeze(3)


class CountsOnTheCpu(InnerProduct):
    positional = True

    def score(self, query, key):
        return super().score(query, key) - torch.arange(key.shape[2], dtype=key.dtype)


class KeepsATable(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        self.signs = torch.ones(key_dim)

    def project_key(self, key, position):
        return key * self.signs


class ReadsWhenBuilt(InnerProduct):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        self.scale = torch.ones(()).item()


class ReadsANumber(InnerProduct):
    def score(self, query, key):
        scores = super().score(query, key)
        return scores / 2 if scores.abs().max().item() > 1000 else scores


class TracedOnly(InnerProduct):
    def score(self, query, key):
        return super().score(query, key) * (2 if torch.compiler.is_compiling() else 1)


class Compares(InnerProduct):
    """A factor that is infinite if query and key have the same position, even if the key is masked."""

    positional = True

    def predict_window(self, query, positions):
        factor = (1 / (positions.key - positions.query[:, None])).to(query.dtype)
        return PredictedWindow(torch.ones_like(factor, dtype=torch.bool)[None, None], factor[None, None])


class LooksWhereDetached(ALIGNMENTS["local_p"]):
    def project_query(self, query):
        asked = super().project_query(query)
        return torch.cat([asked[..., :-1], asked[..., -1:].detach()], dim=-1)


class ForgetsWhatItSaw(ALIGNMENTS["coverage"]):
    """Its first step is right, and later steps do not depend on w."""

    def score_after(self, query, key, history):
        return super().score_after(query, key, self.begin(key))


FAULTS = [
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
    (LosesItsEpsilon, "keeps_precision", "scores are not finite in torch.bfloat16"),
    (KnowsHowMany, "any_length", "score returned shape (2, 3, 5, 7) for 1 queries and 7 keys"),
    (Squeezes, "any_length", "score returned shape (2, 3, 5) for 5 queries and 1 keys"),
    (CountsOnTheCpu, "moves_to_a_device", "is a tensor made inside without `device=x.device`"),
    (KeepsATable, "moves_to_a_device", "or kept in an attribute that is neither parameter nor buffer?"),
    (ReadsWhenBuilt, "moves_to_a_device", "Does the constructor read the numbers in a tensor?"),
    (TracedOnly, "compiles", "compiled it gives another output or gradient than uncompiled"),
    (Compares, "fully_masked_rows_are_zero", "the context vector of a fully masked row must be zeros"),
    (LooksWhereDetached, "parameters_learn", "parameter 'W' gets no gradient"),
    (ForgetsWhatItSaw, "parameters_learn", "parameter 'w' gets no gradient"),
    (ForgetsWhatItSaw, "learns_inside_models", "inside a rnn_attention: parameter 'decoder.attention.alignment.w'"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(ALIGNMENTS, value, check)


def test_every_check_has_a_fault():
    from .test_part_calls import checks_of

    assert not checks_without_fault(ALIGNMENTS, [check for _, check, _ in FAULTS] + checks_of(ALIGNMENTS))


def test_a_graph_break_is_a_finding_and_not_a_failure():
    result = result_of(ALIGNMENTS, ReadsANumber, "compiles")
    assert result.passed
    assert result.message.startswith(STOPS)


def test_checks_are_chosen_by_what_the_class_declares():
    def chosen(name):
        return {check.__name__ for check in ALIGNMENTS.checks() if applies(check, ALIGNMENTS[name])}

    everything = {check.__name__ for check in ALIGNMENTS.checks()}
    assert everything - chosen("dot") == set()
    assert everything - chosen("location") == {"permutation_equivariant"}
    assert {"keys_independent", "paths_agree"} <= everything - chosen("coverage")


def test_checks_restore_the_random_state():
    before = torch.random.get_rng_state()
    list(ALIGNMENTS.check(Random))
    assert torch.equal(torch.random.get_rng_state(), before)
