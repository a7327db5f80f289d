"""The checks pass for all that is registered, and fail helpfully for what is broken."""

import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, Alignment, InnerProduct, SequenceModel
from mechanisms.alignments import Focus
from mechanisms.conformance import CHECKS, check_entry
from mechanisms.conformance.expect import run

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
    compiles = True

    def score(self, query, key):
        scores = super().score(query, key)
        return scores / 2 if scores.abs().max().item() > 1000 else scores


class TracedOnly(InnerProduct):
    compiles = True

    def score(self, query, key):
        return super().score(query, key) * (2 if torch.compiler.is_compiling() else 1)


class Compares(InnerProduct):
    """A factor that is infinite where a query stands at its key, even if it may not see it."""

    positional = True

    def focus(self, query, place):
        factor = (1 / (place.key - place.query[:, None])).to(query.dtype)
        return Focus(torch.ones_like(factor, dtype=torch.bool)[None, None], factor[None, None])


class LooksWhereDetached(ALIGNMENTS["local_p"]):
    def project_query(self, query):
        asked = super().project_query(query)
        return torch.cat([asked[..., :-1], asked[..., -1:].detach()], dim=-1)


class ForgetsWhatItSaw(ALIGNMENTS["coverage"]):
    """Its first step is right, and w has no part in the others."""

    def score_after(self, query, key, history):
        return super().score_after(query, key, self.begin(key))


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
    (LosesItsEpsilon, "keeps_precision", "scores are not finite in torch.bfloat16"),
    (KnowsHowMany, "any_length", "score returned shape (2, 3, 5, 7) for 1 queries and 7 keys"),
    (Squeezes, "any_length", "score returned shape (2, 3, 5) for 5 queries and 1 keys"),
    (CountsOnTheCpu, "moves_to_a_device", "is a tensor made inside without `device=x.device`"),
    (KeepsATable, "moves_to_a_device", "or kept in an attribute that is neither parameter nor buffer?"),
    (ReadsWhenBuilt, "moves_to_a_device", "Does the constructor read the numbers in a tensor?"),
    (ReadsANumber, "compiles", "leave `compiles` False"),
    (TracedOnly, "compiles", "compiled it gives another output or gradient than uncompiled"),
    (Compares, "blind_rows_are_zero", "a query that may see no key must read zeros"),
    (LooksWhereDetached, "parameters_learn", "parameter 'W' gets no gradient"),
    (ForgetsWhatItSaw, "parameters_learn", "parameter 'w' gets no gradient"),
    (ForgetsWhatItSaw, "learns_inside_models", "inside a rnn_attention: parameter 'reading.attention.alignment.w'"),
]


def failures(kind: str, value: type) -> dict[str, str]:
    return {result.check: result.message for result in check_entry(kind, value) if not result.passed}


def message(kind: str, value: type, check: str) -> str:
    """Return what one check says; all of them together take a second or more."""
    (found,) = [each for each in CHECKS[kind] if each.__name__ == check]
    result = run(found, value)
    return "it passed" if result.passed else result.message


@pytest.mark.parametrize(("value", "check", "sentence"), BROKEN_ALIGNMENTS)
def test_a_broken_alignment_is_told_what_is_wrong(value, check, sentence):
    assert sentence in message("alignment", value, check)


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


class Sums(SequenceModel):
    """Right: the sum of all so far, through a map."""

    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.map = nn.Linear(width, width)

    def mix(self, x):
        return x.cumsum(1)

    def forward(self, source, query):
        return self.map(self.mix(torch.cat([source, query], 1)))[:, source.shape[1] :]

    def start(self, source):
        return source.sum(1)

    def step(self, query, state):
        return self.map(state + query), state + query


class CutsBlocks(Sums):
    """A last block of fewer than four positions forgets what was before it."""

    def mix(self, x):
        whole = x.shape[1] // 4 * 4
        return torch.cat([x[:, :whole].cumsum(1), x[:, whole:].cumsum(1)], 1)


class CountsItsPadding(Sums):
    """What the last block of four is filled up with is summed too."""

    def mix(self, x):
        return super().mix(x) + -x.shape[1] % 4


class ForgetsToCarryGradients(Sums):
    def mix(self, x):
        return x + (x.cumsum(1) - x).detach()


class HoldsATable(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.table = torch.ones(width)

    def mix(self, x):
        return super().mix(x) * self.table


class CountsThere(Sums):
    def mix(self, x):
        return super().mix(x) / torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]


class AddsSinglePrecision(Sums):
    def forward(self, source, query):
        return super().forward(source, query) + torch.zeros(query.shape[2], device=query.device)


class OverflowsHalf(Sums):
    """In half precision 1.001 is 1."""

    def mix(self, x):
        return super().mix(x) / (torch.ones((), dtype=x.dtype, device=x.device) + 1e-3).log()


class ClaimsToCompile(Sums):
    compiles = True

    def mix(self, x):
        return super().mix(x / 2 if x.max().item() > 1000 else x)


class OverTheBatch(Sums):
    def mix(self, x):
        return super().mix(x) - x.mean(0, keepdim=True)


class Unlearnt(Sums):
    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        self.idle = nn.Parameter(torch.zeros(width))


class NoSteps(Sums):
    def start(self, source):
        return source[:, -1]


class KeepsAll(Sums):
    """Right, but it carries all it has read, and does not say so."""

    def start(self, source):
        return source

    def step(self, query, state):
        state = torch.cat([state, query[:, None]], 1)
        return self.map(state.sum(1)), state


class ClaimsToGrow(Sums):
    state_grows = True


class StartsWithOnes(Sums):
    def start(self, source):
        return source.sum(1) if source.shape[1] else torch.ones_like(source.sum(1))


class SqueezesOneQuery(Sums):
    def forward(self, source, query):
        return super().forward(source, query).squeeze(1)


def test_a_model_that_does_little_but_right_passes():
    assert failures("model", Sums) == {}


BROKEN_MODELS = [
    (PeeksAhead, "causal", "so the model peeks ahead"),
    (PeeksAhead, "step_is_forward", "step 0 after start gives another output than forward"),
    (AnswersAtTheSource, "output_shape", "expected (2, 5, 24): answer at the query positions alone"),
    (IgnoresTheSource, "reads_source", "does not depend on the source"),
    (Drops, "deterministic", "two calls on the same input differ"),
    (nn.Identity, "constructs", "Identity is not a SequenceModel"),
    (CutsBlocks, "prefixes_agree", "12 of 13 queries behind a source of 67 are answered differently than among all"),
    (CountsItsPadding, "prefixes_agree", "is a length that is no multiple of a block cut or padded wrongly?"),
    (ForgetsToCarryGradients, "gradients_exact", "Is something detached, or computed under no_grad?"),
    (AddsSinglePrecision, "output_shape", "(2, 5, 24) and torch.float32 for source (2, 7, 24) and query (2, 5, 24) of"),
    (HoldsATable, "moves_to_a_device", "or kept in an attribute that is neither parameter nor buffer?"),
    (CountsThere, "moves_to_a_device", "is a tensor made inside without `device=x.device`"),
    (OverflowsHalf, "output_shape", "forward returned numbers that are not finite, in torch.bfloat16"),
    (ClaimsToCompile, "compiles", "torch.compile(fullgraph=True) stops"),
    (OverTheBatch, "batch_of_one", "a row alone is answered differently than in a batch"),
    (Unlearnt, "parameters_learn", "parameter 'idle' gets no gradient"),
    (NoSteps, "step_is_forward", "does the state carry everything"),
    (KeepsAll, "state_size", "behind 7 positions and 6720 behind 35: set `state_grows = True` on the class"),
    (ClaimsToGrow, "state_size", "behind 7 positions and 192 behind 35: set `state_grows = False` on the class"),
    (StartsWithOnes, "empty_source", "the first step from an empty source gives another output than forward"),
    (SqueezesOneQuery, "one_query", "forward returned shape (2, 24) for a single query, expected (2, 1, 24)"),
]


@pytest.mark.parametrize("value", [CutsBlocks, ForgetsToCarryGradients])
def test_what_is_wrong_at_some_lengths_or_in_the_gradient_is_found_by_one_check_alone(value):
    """So these checks are not idle: all others pass."""
    assert len(failures("model", value)) == 1


@pytest.mark.parametrize(("value", "check", "sentence"), BROKEN_MODELS)
def test_a_broken_model_is_told_what_is_wrong(value, check, sentence):
    assert sentence in message("model", value, check)


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
    assert sentence in message("normalizer", value, check)


class CountsFromZero(POSITIONS["none"]):
    def embed(self, x, position):
        return x + torch.arange(x.shape[1], dtype=x.dtype)[:, None]


def test_a_broken_position_is_told_what_is_wrong():
    assert "use the `position` that is passed" in failures("position", CountsFromZero)["positions_are_absolute"]


def test_checks_leave_the_random_state_alone():
    before = torch.random.get_rng_state()
    list(check_entry("alignment", Random))
    assert torch.equal(torch.random.get_rng_state(), before)


class ForgetsDtype(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores, mask) * torch.ones(scores.shape[-1], dtype=torch.float64)


class FillsTooLow(NORMALIZERS["softmax"]):
    """Right in every precision that it was tried in."""

    def forward(self, scores, mask=None):
        return super().forward(scores, mask) / (scores.exp().sum(-1, keepdim=True) > 0)


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


@pytest.mark.parametrize(
    ("value", "check", "sentence"),
    [
        (ForgetsDtype, "keeps_shape", "torch.float64 for scores (2, 3, 5, 7) and torch.float32: is a tensor made"),
        (FillsTooLow, "finite", "is there an exp without the row's maximum taken off?"),
        (CountsTheMask, "masks_broadcast", "a mask (2, 1, 5, 1), a column of queries, gives other weights"),
        (StraightThrough, "gradients_exact", "set `surrogate = True` on the class"),
        (DrawsUndeclared, "deterministic", "differ in training mode: a normalizer that draws its weights sets"),
        (DrawsGlobally, "draws_follow_the_state", "never from torch's global one"),
        (DrawsAlways, "deterministic", "differ in eval mode"),
        (DrawsTheSame, "draws_follow_the_state", "eight draws in training mode are all the same"),
        (ForgetsItsSeed, "saved_state_suffices", "nor in get_extra_state"),
        (ReadsNumbersWhenBuilt, "follows_device", "Does the constructor read the numbers in a tensor?"),
        (StaysOnTheCpu, "follows_device", "without `device=x.device`"),
        (BreaksTheGraph, "compiles", "torch.compile(fullgraph=True) stops"),
        (OtherWhenCompiled, "compiles", "compiled it gives another output or gradient"),
    ],
)
def test_a_normalizer_that_is_wrong_in_one_place_is_told_where(value, check, sentence):
    assert sentence in message("normalizer", value, check)


class TakesTheWidthAlone(POSITIONS["none"]):
    def __init__(self, width):
        super().__init__(width)


class EmbedsInDouble(POSITIONS["none"]):
    def embed(self, x, position):
        return x + position.double()[:, None]


class BiasOverBatch(POSITIONS["none"]):
    def bias(self, query, key):
        return (query[:, None] - key).float()[None, None]


class MasksByBias(POSITIONS["none"]):
    def bias(self, query, key):
        return torch.zeros(self.heads, len(query), len(key)).masked_fill(key > query[:, None], float("-inf"))


class BiasByIndex(POSITIONS["none"]):
    def bias(self, query, key):
        return torch.arange(len(key)).float().expand(self.heads, len(query), len(key))


class TurnsByIndex(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, torch.arange(x.shape[2]))


class Stretches(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, position) * 1.1


class TurnsFaster(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, position**2)


class OneRowShort(POSITIONS["learned"]):
    def __init__(self, width, heads=1, causal=True):
        super().__init__(width, heads, causal, max_length=16)
        self.max_length = 17


class Unregistered(POSITIONS["none"]):
    def __init__(self, width, heads=1, causal=True):
        super().__init__(width, heads, causal)
        self.table = torch.randn(64, width, dtype=torch.float64)

    def embed(self, x, position):
        return x + self.table[position].to(x.dtype)


class DeadTable(POSITIONS["t5"]):
    def bias(self, query, key):
        return super().bias(query, key).detach()


class NoGraph(POSITIONS["none"]):
    def embed(self, x, position):
        return x / 2 if position.max() > 100 else x


@pytest.mark.parametrize(
    ("value", "check", "sentence"),
    [
        (TakesTheWidthAlone, "constructs", "is built with (width, heads, causal)"),
        (nn.Identity, "constructs", "Identity is not a Position: write `class Identity(Position)`"),
        (EmbedsInDouble, "keeps_shape", "embed returned shape (2, 5, 11) and torch.float64"),
        (BiasOverBatch, "bias_fits", "bias returned shape (1, 1, 5, 5) and torch.float32"),
        (MasksByBias, "bias_fits", "who may be seen is for the mask to say"),
        (BiasByIndex, "positions_are_absolute", "not how many they are"),
        (TurnsByIndex, "positions_are_absolute", "position 3 alone is rotated differently"),
        (Stretches, "rotation_is_relative", "rotate changes the length of a vector"),
        (TurnsFaster, "rotation_is_relative", "does the angle grow by the same amount with each position?"),
        (OneRowShort, "reaches_max_length", "Is a table one row short?"),
        (Unregistered, "saved_weights_suffice", "is a tensor neither parameter nor buffer?"),
        (Unregistered, "follows_device", "it would not run on another device"),
        (DeadTable, "parameters_learn", "parameter 'b' gets no gradient"),
        (NoGraph, "compiles", "torch.compile(fullgraph=True) stops"),
    ],
)
def test_a_position_that_is_wrong_in_one_place_is_told_where(value, check, sentence):
    assert sentence in message("position", value, check)


def test_a_surrogate_gradient_and_a_scheme_that_does_not_compile_are_let_be():
    class Declared(StraightThrough):
        surrogate = True
        compiles = False

    class Declines(NoGraph):
        compiles = False

    assert "gradients_exact" not in failures("normalizer", Declared)
    assert "compiles" not in failures("position", Declines)


@pytest.mark.parametrize("name", [name for name in NORMALIZERS if name != "hard"])
def test_normalizers_run_where_numbers_are_not_known(name):
    """So the check that a normalizer follows its device does say something of them."""
    scores, mask = torch.randn(2, 3, 5, 7, device="meta"), torch.ones(2, 1, 5, 7, dtype=torch.bool, device="meta")
    assert NORMALIZERS[name]()(scores, mask).shape == scores.shape


@pytest.mark.parametrize("name", list(POSITIONS))
def test_positions_run_where_numbers_are_not_known(name):
    scheme, position = POSITIONS[name](11, 3).to("meta"), torch.arange(5, device="meta")
    assert scheme.embed(torch.randn(2, 5, 11, device="meta"), position).is_meta
    assert scheme.rotate(torch.randn(2, 3, 5, 7, device="meta"), position).is_meta
    bias = scheme.bias(position, position)
    assert bias is None or bias.is_meta
