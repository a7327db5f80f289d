"""What a normalizer must satisfy.

A stochastic normalizer is called on copies of itself, which draw the same random numbers.
"""

import io
from collections.abc import Sequence

import torch

from registry import Check, CheckError, only_after, only_if

from ..normalizers import Normalizer
from . import calls, devices, model_positions
from .calls import in_both_modes
from .compiling import compile_whole
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, seeded, shape
from .hosts import hosts, inside
from .normalizer_masks import (
    MANY,
    B,
    H,
    K,
    Q,
    comparable,
    fully_masked_rows_are_zero,
    masked_keys_are_out,
    masked_keys_do_not_count,
    masked_scores_do_not_matter,
    masks_broadcast,
    normalizer_of,
    scores_and_mask,
    weigh,
)


def constructs(value: type) -> None:
    expect(
        isinstance(value(), Normalizer),
        f"{value.__name__} is not a Normalizer: write `class {value.__name__}(Normalizer)`",
    )


def deterministic(value: type[Normalizer]) -> None:
    """Weights are random only in training mode, and only if the class says so."""
    (scores, mask), other = scores_and_mask(), scores_and_mask()
    for training in (False,) if value.stochastic else (True, False):
        normalizer = normalizer_of(value).train(training)
        before = normalizer(scores, mask)
        normalizer(*other)
        expect_equal(
            normalizer(scores, mask),
            before,
            f"two calls on the same scores differ in {'training' if training else 'eval'} mode: does it keep something "
            "between calls? A normalizer with random weights sets `stochastic = True`, and draws random numbers only "
            "in training mode",
        )


def seeds_nothing(value: type[Normalizer]) -> None:
    given = scores_and_mask()
    calls.seeds_nothing(lambda: normalizer_of(value), lambda normalizer: normalizer(*given))


def training_keeps_nothing(value: type[Normalizer]) -> None:
    given = scores_and_mask()
    calls.training_keeps_nothing(normalizer_of(value), lambda normalizer: [normalizer(*given)])


def keeps_shape(value: type[Normalizer]) -> None:
    """Weights have the shape and the precision of the scores, also without any key, as a block of queries may have."""
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for queries, keys in ((Q, K), (1, K), (Q, 1), (1, 1), (Q, 0)):
            scores, mask = torch.randn(B, H, queries, keys, dtype=dtype), torch.ones(B, 1, queries, keys) > 0
            for weights in (value().to(dtype)(scores), value().to(dtype)(scores, mask)):
                if weights.shape != scores.shape or weights.dtype != dtype:
                    raise CheckError(
                        f"weights have shape {shape(weights)} and {weights.dtype} for scores {shape(scores)} and "
                        f"{dtype}: is a tensor made inside without the dtype of the scores?"
                    )
                expect(
                    bool(weights.isfinite().all()),
                    f"weights of ordinary scores {shape(scores)} of {dtype} are not finite: is there a division by "
                    "a sum that is zero, or a fill with a number that this precision does not have?",
                )


def finite(value: type[Normalizer]) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for scale in (0.0, 1.0, 1e4):
            scores, mask = scores_and_mask()
            scores = (scale * scores).to(dtype).requires_grad_()
            weights = value().to(dtype)(scores, mask)
            what = f"for scores of size {scale:g} in {dtype}: is the row's maximum subtracted before exp?"
            expect(bool(weights.isfinite().all()), f"weights are not finite {what}")
            (gradient,) = torch.autograd.grad(weights.square().sum(), scores)
            expect(bool(gradient.isfinite().all()), f"the gradient is not finite {what}")


def nan_stays_nan(value: type[Normalizer]) -> None:
    """Otherwise a network whose weights diverged would go unnoticed, or end with an error and not as diverged."""
    scores, mask = scores_and_mask()
    scores[:, :, 1, 0] = torch.nan
    for given in (None, mask):
        weights = normalizer_of(value)(scores, given)
        expect(
            bool(weights[:, :, 1].isnan().any()) and bool(weights[:, :, 2:].isfinite().all()),
            "a row with a score that is NaN must have a weight that is NaN, and other rows must not: "
            "a comparison with NaN is false, so what is counted or chosen by one may be empty",
        )


@only_if(lambda value: not value.surrogate)
def gradients_exact(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    normalizer = normalizer_of(value)
    expect_exact_gradient(
        lambda x: weigh(normalizer, x, mask),
        [scores.requires_grad_()],
        "weights",
        "Is something detached, rounded or computed under no_grad? "
        "If that is meant, set `surrogate = True` on the class",
    )


def parameters_learn(value: type[Normalizer]) -> None:
    normalizer = normalizer_of(value)
    expect_gradients(normalizer, normalizer(*scores_and_mask()))


@only_if(lambda value: value.stochastic)
def draws_follow_the_state(value: type[Normalizer]) -> None:
    normalizer, (scores, mask) = normalizer_of(value), scores_and_mask()
    advice = (
        "draw from a torch.Generator that is seeded by the normalizer's state, never from torch's global one; "
        "otherwise a run that is resumed gives other results"
    )
    expect_equal(
        weigh(normalizer, scores, mask),
        weigh(normalizer, scores, mask),
        f"two copies with the same state draw different weights: {advice}",
    )
    draws = [normalizer(scores, mask) for _ in range(8)]
    expect(
        any(not torch.equal(draw, draws[0]) for draw in draws),
        "eight draws in training mode are all the same: does every draw advance the state? A normalizer that draws "
        "no random numbers leaves `stochastic` False",
    )


def saved_state_suffices(value: type[Normalizer]) -> None:
    """A normalizer that has loaded the saved state of another, as from a checkpoint, gives the same weights."""
    first, second, (scores, mask) = normalizer_of(value), normalizer_of(value), scores_and_mask()
    first(scores, mask)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    expect_equal(
        second(scores, mask),
        first(scores, mask),
        "a normalizer with the same state_dict gives other weights: is there state that is neither parameter, buffer "
        "nor in get_extra_state?",
    )


@in_both_modes
def rows_independent(value: type[Normalizer], training: bool) -> None:
    normalizer, (scores, mask) = normalizer_of(value).train(training), scores_and_mask()
    other = scores.clone()
    other[:, :, -1] = 2.0
    expect_equal(
        weigh(normalizer, other, mask)[:, :, :-1],
        weigh(normalizer, scores, mask)[:, :, :-1],
        "the weights of a query change with another query's scores: normalise over the last axis, the keys",
    )


@in_both_modes
def batch_of_one(value: type[Normalizer], training: bool) -> None:
    normalizer, (scores, mask) = comparable(value, training), scores_and_mask(MANY)
    wanted = weigh(normalizer, scores, mask)[:1]
    for size in (1, 2):
        expect_equal(
            weigh(normalizer, scores[:size], mask[:size])[:1],
            wanted,
            f"an example has other weights in a batch of {size} than in one of {MANY}: is there a sum over the batch, "
            "or its size in a formula?",
        )


def causal_inside_models(value: type[Normalizer]) -> None:
    inside(hosts("normalizer", value), model_positions.causal)


def steps_inside_models(value: type[Normalizer]) -> None:
    inside(hosts("normalizer", value), model_positions.step_is_forward)


def follows_device(value: type[Normalizer]) -> None:
    devices.follows_device(lambda: normalizer_of(value).eval(), *scores_and_mask())


def compiles(value: type[Normalizer]) -> str:
    scores, mask = scores_and_mask()
    return compile_whole(normalizer_of(value), (scores,), (scores, mask))


CHECKS: Sequence[Check] = (
    constructs,
    deterministic,
    seeds_nothing,
    keeps_shape,
    masked_keys_are_out,
    fully_masked_rows_are_zero,
    finite,
    nan_stays_nan,
    parameters_learn,
    draws_follow_the_state,
    follows_device,
    *only_after(
        deterministic,
        masks_broadcast,
        masked_scores_do_not_matter,
        masked_keys_do_not_count,
        gradients_exact,
        training_keeps_nothing,
        saved_state_suffices,
        rows_independent,
        batch_of_one,
        causal_inside_models,
        steps_inside_models,
        compiles,
    ),
)

isolated = seeded
