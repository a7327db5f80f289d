"""What an alignment must satisfy alone: its scores, without a mask or a normalizer."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from registry import Check, CheckError, only_after, only_if

from ..alignments import Alignment, HistoryAlignment, PairPositions
from . import calls
from .calls import in_both_modes
from .compiling import compile_whole
from .devices import follows_device
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, shape
from .flops import expect_flops

B, H, Q, K, D = 2, 3, 5, 7, 11
MANY, POSITIONS = 13, 256


class Scorer(nn.Module):
    """Projects and scores as Attention does; an alignment that needs history scores after a first step.

    With `windows`, the factor of a predicted window is added to the scores, so that what predicts it is checked too.
    """

    def __init__(self, alignment: Alignment, windows: bool = False) -> None:
        super().__init__()
        self.alignment = alignment
        self.windows = windows

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        position = torch.arange(key.shape[2], device=key.device)
        projected_key = self.alignment.project_key(key, position)
        projected_query = self.alignment.project_query(query)
        scores = self.alignment.score(projected_query, projected_key)
        if isinstance(self.alignment, HistoryAlignment):
            history = self.alignment.begin(projected_key).after(scores[:, :, 0].softmax(-1))
            return self.alignment.score_after(projected_query, projected_key, history)
        if not self.windows:
            return scores
        asked = position[: query.shape[2]]
        positions = PairPositions(asked, position, torch.full_like(asked, len(position)))
        window = self.alignment.predict_window(projected_query, positions)
        return scores if window is None else scores + window.factor


def scorer_of(value: type[Alignment], *, windows: bool = False, training: bool = True) -> Scorer:
    return Scorer(value(H, D, D), windows).double().train(training)


def inputs(
    dtype: torch.dtype = torch.float64, batch: int = B, queries: int = Q, keys: int = K
) -> tuple[Tensor, Tensor]:
    return torch.randn(batch, H, queries, D, dtype=dtype), torch.randn(batch, H, keys, D, dtype=dtype)


def constructs(value: type) -> None:
    built = value(H, D, D)
    expect(
        isinstance(built, Alignment),
        f"{value.__name__} is not an Alignment: write `class {value.__name__}(Alignment)` or (InnerProduct)",
    )


@in_both_modes
def deterministic(value: type[Alignment], training: bool) -> None:
    scorer, given = scorer_of(value, training=training), inputs()
    before = scorer(*given)
    scorer(*inputs())
    advice = "a score is neither random nor dependent on earlier calls"
    expect_equal(scorer(*given), before, f"two calls on the same input differ: {advice}")


def seeds_nothing(value: type[Alignment]) -> None:
    given = inputs()
    calls.seeds_nothing(lambda: scorer_of(value, windows=True), lambda scorer: scorer(*given))


def training_keeps_nothing(value: type[Alignment]) -> None:
    given = inputs()
    calls.training_keeps_nothing(scorer_of(value), lambda scorer: [scorer(*given)])


def score_shape(value: type[Alignment]) -> None:
    query, key = inputs()
    scores = scorer_of(value)(query, key)
    if scores.shape != (B, H, Q, K):
        raise CheckError(
            f"score returned shape {shape(scores)} for queries {shape(query)} and keys {shape(key)}, "
            f"expected {(B, H, Q, K)}: did you sum over the wrong axis?"
        )


def keeps_precision(value: type[Alignment]) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        scores = Scorer(value(H, D, D), windows=True).to(dtype)(*inputs(dtype))
        expect(
            scores.dtype == dtype,
            f"score returned {scores.dtype} for {dtype}: is a tensor made inside without the dtype of its input?",
        )
        expect(bool(scores.isfinite().all()), f"scores are not finite in {dtype}")


def finite(value: type[Alignment]) -> None:
    query, key = inputs()
    for scale in (1.0, 0.0, 100.0):
        scores = scorer_of(value)(scale * query, scale * key)
        expect(
            bool(scores.isfinite().all()),
            f"scores of inputs of size {scale:g} are not finite: is there a division by zero, a log or an exp?",
        )


def parameters_learn(value: type[Alignment]) -> None:
    scorer = scorer_of(value, windows=True)
    expect_gradients(scorer.alignment, scorer(*inputs()))


def gradients_exact(value: type[Alignment]) -> None:
    scorer = scorer_of(value, windows=True)
    names = [name for name, _ in scorer.named_parameters()]

    def function(query: Tensor, key: Tensor, *parameters: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(scorer, dict(zip(names, parameters, strict=True)), (query, key))
        return result

    leaves = [x.detach().requires_grad_() for x in (*inputs(), *scorer.parameters())]
    expect_exact_gradient(function, leaves, "scores", "Is something detached, or computed under no_grad?")


def saved_weights_suffice(value: type[Alignment]) -> None:
    first, second, (query, key) = scorer_of(value), scorer_of(value), inputs()
    second.load_state_dict(first.state_dict())
    expect_equal(
        second(query, key),
        first(query, key),
        "a copy with the same state_dict scores differently: is there a tensor that is neither parameter nor buffer?",
    )


# No model that passes history has keys that come one after another.
@only_if(lambda value: not value.needs_history)
@in_both_modes
def keys_independent(value: type[Alignment], training: bool) -> None:
    scorer = scorer_of(value, training=training)
    for keys in (K, min(scorer.alignment.max_length or POSITIONS, POSITIONS)):
        query, key = inputs(keys=keys)
        before = scorer(query, key)
        other = key.clone()
        other[:, :, -1] = torch.randn(B, H, D)
        advice = (
            "so a causal mask would leak the future: does the score or project_key normalise, sum or take a "
            "maximum over the keys? That belongs in a normalizer"
        )
        expect_equal(
            scorer(query, other)[..., :-1], before[..., :-1], f"the score of a key changes with another key, {advice}"
        )
        expect_equal(
            scorer(query, key[:, :, :-2]),
            before[..., :-2],
            f"the score of a key changes with how many keys there are, {advice}",
        )


@in_both_modes
def queries_independent(value: type[Alignment], training: bool) -> None:
    scorer, (query, key) = scorer_of(value, training=training), inputs()
    other = query.clone()
    other[:, :, -1] = torch.randn(B, H, D)
    expect_equal(
        scorer(other, key)[:, :, :-1],
        scorer(query, key)[:, :, :-1],
        "the score of a query changes with another query, so decoding by steps would give other scores: "
        "does the score or project_query sum or normalise over the queries?",
    )


@only_if(lambda value: not value.positional)
def permutation_equivariant(value: type[Alignment]) -> None:
    scorer, (query, key) = scorer_of(value), inputs()
    order = torch.randperm(K)
    expect_equal(
        scorer(query, key[:, :, order]),
        scorer(query, key)[..., order],
        "the score depends on the position of a key: if that is meant, set `positional = True` on the class",
    )


@in_both_modes
def batch_of_one(value: type[Alignment], training: bool) -> None:
    scorer, (query, key) = scorer_of(value, training=training), inputs(batch=MANY)
    wanted = scorer(query, key)[:1]
    for size in (1, 2):
        expect_equal(
            scorer(query[:size], key[:size])[:1],
            wanted,
            f"a row alone is scored differently than in a batch, or in one of {size} differently than in one of "
            f"{MANY}: is there a sum or a squeeze over the batch, or its size in a formula?",
        )


def any_length(value: type[Alignment]) -> None:
    scorer, (query, key) = scorer_of(value), inputs()
    for q, k in ((1, K), (Q, 1), (1, 1)):
        got = scorer(query[:, :, :q], key[:, :, :k])
        expect(got.shape == (B, H, q, k), f"score returned shape {shape(got)} for {q} queries and {k} keys")


def flops_are_counted(value: type[Alignment]) -> None:
    scorer = Scorer(value(H, D, D)).eval()
    # What needs history scores one query at a time.
    for q, k in ((1, 3), (1 if value.needs_history else 23, 29)):
        given = inputs(torch.float32, batch=1, queries=q, keys=k)
        expect_flops(scorer.alignment.flops(q, k), partial(scorer, *given), f"{q} queries and {k} keys")


def moves_to_a_device(value: type[Alignment]) -> None:
    follows_device(lambda: Scorer(value(H, D, D), windows=True), *inputs(torch.float32))


def compiles(value: type[Alignment]) -> str:
    return compile_whole(scorer_of(value, windows=True), inputs())


CHECKS: Sequence[Check] = (
    constructs,
    deterministic,
    seeds_nothing,
    score_shape,
    keeps_precision,
    finite,
    parameters_learn,
    any_length,
    flops_are_counted,
    moves_to_a_device,
    *only_after(
        deterministic,
        gradients_exact,
        training_keeps_nothing,
        saved_weights_suffice,
        keys_independent,
        queries_independent,
        permutation_equivariant,
        batch_of_one,
        compiles,
    ),
)
