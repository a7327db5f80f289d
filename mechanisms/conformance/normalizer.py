"""What a normalizer must satisfy.

A stochastic normalizer is called on copies of itself, which draw the same random numbers.
"""

import copy
import io
from collections.abc import Sequence

import torch
from torch import Tensor

from registry import Check, CheckError, only_if

from ..normalizers import Normalizer
from . import devices
from .compiling import compile_whole
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, seeded, shape

B, H, Q, K = 2, 3, 5, 7


def scores_and_mask() -> tuple[Tensor, Tensor]:
    """Return scores, and a mask with a masked key in every row and a fully masked first row."""
    mask = torch.rand(B, 1, Q, K) < 0.6
    mask[..., 0], mask[..., -1] = True, False
    mask[:, :, 0] = False
    return torch.randn(B, H, Q, K, dtype=torch.float64), mask


def normalizer_of(value: type[Normalizer]) -> Normalizer:
    return value().double()


def weigh(normalizer: Normalizer, scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the weights without changing the state of the normalizer."""
    weights: Tensor = copy.deepcopy(normalizer)(scores, mask)
    return weights


def constructs(value: type) -> None:
    expect(
        isinstance(value(), Normalizer),
        f"{value.__name__} is not a Normalizer: write `class {value.__name__}(Normalizer)`",
    )


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


def masks_broadcast(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    normalizer = normalizer_of(value)
    parts = {
        "a row of keys": mask[:1, :, 1:2],
        "a column of queries": mask[..., :1],
        "one for each head": mask & (torch.rand(1, H, 1, 1) < 0.8),
    }
    for name, part in parts.items():
        expect_equal(
            weigh(normalizer, scores, part),
            weigh(normalizer, scores, part.expand(B, H, Q, K)),
            f"a mask {shape(part)}, {name}, gives other weights than the same mask expanded to {(B, H, Q, K)}: "
            "is something counted or indexed along a dimension of the mask whose size may be 1?",
        )


def masked_keys_are_out(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    scores.requires_grad_()
    hidden = ~mask.expand(B, H, Q, K)
    for training in (True, False):
        weights = normalizer_of(value).train(training)(scores, mask)
        expect(
            not weights[hidden].any(),
            "a masked key has a weight that is not zero: was the mask used (True means not masked)?",
        )
        (gradient,) = torch.autograd.grad((weights * torch.randn_like(weights)).sum(), scores)
        expect(bool(gradient.isfinite().all()), "gradients are not finite if a row is fully masked")
        expect(not gradient[hidden].any(), "a gradient reaches the score of a masked key")


def masked_scores_do_not_matter(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    other = torch.where(mask, scores, torch.randn_like(scores) * 3)
    normalizer = normalizer_of(value)
    expect_equal(
        weigh(normalizer, other, mask),
        weigh(normalizer, scores, mask),
        "the weights change with the score of a masked key, so a causal mask would leak the future: "
        "mask the scores before they are summed",
    )


def fully_masked_rows_are_zero(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    first = normalizer_of(value)(scores, mask)[:, :, 0]
    expect(
        not first.any() and bool(first.isfinite().all()),
        f"a fully masked row must be all zeros, and is {first[0, 0].tolist()}",
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


def deterministic(value: type[Normalizer]) -> None:
    """Weights are random only in training mode, and only if the class says so."""
    scores, mask = scores_and_mask()
    for training in (False,) if value.stochastic else (True, False):
        normalizer = normalizer_of(value).train(training)
        expect_equal(
            normalizer(scores, mask),
            normalizer(scores, mask),
            f"two calls on the same scores differ in {'training' if training else 'eval'} mode: a normalizer with "
            "random weights sets `stochastic = True`, and draws random numbers only in training mode",
        )


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


def rows_independent(value: type[Normalizer]) -> None:
    normalizer, (scores, mask) = normalizer_of(value), scores_and_mask()
    other = scores.clone()
    other[:, :, -1] = 2.0
    expect_equal(
        weigh(normalizer, other, mask)[:, :, :-1],
        weigh(normalizer, scores, mask)[:, :, :-1],
        "the weights of a query change with another query's scores: normalise over the last axis, the keys",
    )


def follows_device(value: type[Normalizer]) -> None:
    devices.follows_device(lambda: normalizer_of(value).eval(), *scores_and_mask())


def compiles(value: type[Normalizer]) -> str:
    scores, mask = scores_and_mask()
    return compile_whole(normalizer_of(value), (scores,), (scores, mask))


CHECKS: Sequence[Check] = (
    constructs,
    keeps_shape,
    masks_broadcast,
    masked_keys_are_out,
    masked_scores_do_not_matter,
    fully_masked_rows_are_zero,
    finite,
    nan_stays_nan,
    gradients_exact,
    parameters_learn,
    deterministic,
    draws_follow_the_state,
    saved_state_suffices,
    rows_independent,
    follows_device,
    compiles,
)

isolated = seeded
