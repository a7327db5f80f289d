"""What an alignment must satisfy by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from registry import Check, CheckError

from ..alignments import Alignment, HistoryAlignment, Place
from . import compiling
from .devices import follows_device
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, shape

B, H, Q, K, D = 2, 3, 5, 7, 11


class Scores(nn.Module):
    """Projects and scores, as Attention does: after a first step, where earlier steps matter.

    With `focus`, what an alignment chooses to look at counts too.
    """

    def __init__(self, alignment: Alignment, focus: bool = False) -> None:
        super().__init__()
        self.alignment = alignment
        self.focus = focus

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        position = torch.arange(key.shape[2], device=key.device)
        projected = self.alignment.project_key(key, position)
        asked = self.alignment.project_query(query)
        scores = self.alignment.score(asked, projected)
        if isinstance(self.alignment, HistoryAlignment):
            history = self.alignment.begin(projected).after(scores[:, :, 0].softmax(-1))
            return self.alignment.score_after(asked, projected, history)
        place = Place(position[: query.shape[2]], position, torch.full_like(position[: query.shape[2]], len(position)))
        focus = self.alignment.focus(asked, place) if self.focus else None
        return scores if focus is None else scores + focus.factor


def scores_of(value: type[Alignment], *, focus: bool = False) -> Scores:
    return Scores(value(H, D, D), focus).double()


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    return torch.randn(B, H, Q, D, dtype=dtype), torch.randn(B, H, K, D, dtype=dtype)


def constructs(value: type) -> None:
    built = value(H, D, D)
    expect(
        isinstance(built, Alignment),
        f"{value.__name__} is not an Alignment: write `class {value.__name__}(Alignment)` or (InnerProduct)",
    )


def score_shape(value: type[Alignment]) -> None:
    query, key = inputs()
    scores = scores_of(value)(query, key)
    if scores.shape != (B, H, Q, K):
        raise CheckError(
            f"score returned shape {shape(scores)} for queries {shape(query)} and keys {shape(key)}, "
            f"expected {(B, H, Q, K)}: did you sum over the wrong axis?"
        )


def keeps_precision(value: type[Alignment]) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        scores = Scores(value(H, D, D), True).to(dtype)(*inputs(dtype))
        expect(
            scores.dtype == dtype,
            f"score returned {scores.dtype} for {dtype}: is a tensor made inside without the dtype of its input?",
        )
        expect(bool(scores.isfinite().all()), f"scores are not finite in {dtype}")


def finite(value: type[Alignment]) -> None:
    query, key = inputs()
    for scale in (1.0, 0.0, 100.0):
        scores = scores_of(value)(scale * query, scale * key)
        expect(
            bool(scores.isfinite().all()),
            f"scores of inputs of size {scale:g} are not finite: is there a division by zero, a log or an exp?",
        )


def parameters_learn(value: type[Alignment]) -> None:
    scores = scores_of(value, focus=True)
    expect_gradients(scores.alignment, scores(*inputs()))


def gradients_exact(value: type[Alignment]) -> None:
    scores = scores_of(value, focus=True)
    names = [name for name, _ in scores.named_parameters()]

    def function(query: Tensor, key: Tensor, *parameters: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(scores, dict(zip(names, parameters, strict=True)), (query, key))
        return result

    leaves = [x.detach().requires_grad_() for x in (*inputs(), *scores.parameters())]
    expect_exact_gradient(function, leaves, "scores", "Is something detached, or computed under no_grad?")


def deterministic(value: type[Alignment]) -> None:
    scores, (query, key) = scores_of(value), inputs()
    expect_equal(
        scores(query, key),
        scores(query, key),
        "two calls on the same input differ: randomness and state do not belong into a score",
    )


def saved_weights_suffice(value: type[Alignment]) -> None:
    first, second, (query, key) = scores_of(value), scores_of(value), inputs()
    second.load_state_dict(first.state_dict())
    expect_equal(
        second(query, key),
        first(query, key),
        "a copy with the same state_dict scores differently: is there a tensor that is neither parameter nor buffer?",
    )


def keys_independent(value: type[Alignment]) -> None:
    if value.needs_history:
        return  # it stands in no model whose keys come one after another
    scores, (query, key) = scores_of(value), inputs()
    before = scores(query, key)
    other = key.clone()
    other[:, :, -1] = torch.randn(B, H, D)
    advice = (
        "so a causal mask would leak the future: does the score or project_key normalise, sum or take a "
        "maximum over the keys? That belongs into a normalizer"
    )
    expect_equal(
        scores(query, other)[..., :-1], before[..., :-1], f"the score of a key changes with another key, {advice}"
    )
    expect_equal(
        scores(query, key[:, :, :-2]),
        before[..., :-2],
        f"the score of a key changes with how many keys there are, {advice}",
    )


def queries_independent(value: type[Alignment]) -> None:
    scores, (query, key) = scores_of(value), inputs()
    other = query.clone()
    other[:, :, -1] = torch.randn(B, H, D)
    expect_equal(
        scores(other, key)[:, :, :-1],
        scores(query, key)[:, :, :-1],
        "the score of a query changes with another query, so decoding by steps could not give the same: "
        "does the score or project_query sum or normalise over the queries?",
    )


def permutation_equivariant(value: type[Alignment]) -> None:
    if value.positional:
        return
    scores, (query, key) = scores_of(value), inputs()
    order = torch.randperm(K)
    expect_equal(
        scores(query, key[:, :, order]),
        scores(query, key)[..., order],
        "the score depends on where a key stands: if that is meant, set `positional = True` on the class",
    )


def batch_of_one(value: type[Alignment]) -> None:
    scores, (query, key) = scores_of(value), inputs()
    expect_equal(
        scores(query[:1], key[:1]),
        scores(query, key)[:1],
        "a row alone is scored differently than in a batch: is there a sum or a squeeze over the batch?",
    )


def any_length(value: type[Alignment]) -> None:
    scores, (query, key) = scores_of(value), inputs()
    for q, k in ((1, K), (Q, 1), (1, 1)):
        got = scores(query[:, :, :q], key[:, :, :k])
        expect(got.shape == (B, H, q, k), f"score returned shape {shape(got)} for {q} queries and {k} keys")


def moves_to_a_device(value: type[Alignment]) -> None:
    follows_device(lambda: Scores(value(H, D, D), True), *inputs(torch.float32))


def compiles(value: type[Alignment]) -> None:
    if value.compiles:
        compiling.compiles(scores_of(value, focus=True), *inputs())


CHECKS: Sequence[Check] = (
    constructs,
    score_shape,
    keeps_precision,
    finite,
    parameters_learn,
    gradients_exact,
    deterministic,
    saved_weights_suffice,
    keys_independent,
    queries_independent,
    permutation_equivariant,
    batch_of_one,
    any_length,
    moves_to_a_device,
    compiles,
)
