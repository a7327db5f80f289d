"""What a normalizer must satisfy."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..normalizers import Normalizer
from .result import Check, CheckError, expect, expect_equal, expect_gradients, shape

B, H, Q, K = 2, 3, 5, 7


def scores_and_mask() -> tuple[Tensor, Tensor]:
    """Scores, and a mask that hides something in every row and everything in the first."""
    mask = torch.rand(B, 1, Q, K) < 0.6
    mask[..., 0], mask[..., -1] = True, False
    mask[:, :, 0] = False
    return torch.randn(B, H, Q, K, dtype=torch.float64), mask


def normalizer_of(value: type[Normalizer]) -> Normalizer:
    return value().double()


def constructs(value: type) -> None:
    expect(
        isinstance(value(), Normalizer),
        f"{value.__name__} is not a Normalizer: write `class {value.__name__}(Normalizer)`",
    )


def keeps_shape(value: type[Normalizer]) -> None:
    scores, _ = scores_and_mask()
    for dtype in (torch.float32, torch.float64):
        weights = value().to(dtype)(scores.to(dtype))
        if weights.shape != scores.shape or weights.dtype != dtype:
            raise CheckError(
                f"weights have shape {shape(weights)} and {weights.dtype} for scores {shape(scores)} and {dtype}"
            )


def masked_keys_are_out(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    scores.requires_grad_()
    weights = normalizer_of(value)(scores, mask)
    hidden = ~mask.expand(B, H, Q, K)
    expect(not weights[hidden].any(), "a masked key has a weight that is not zero: was the mask used (True means may)?")
    (gradient,) = torch.autograd.grad((weights * torch.randn_like(weights)).sum(), scores)
    expect(bool(gradient.isfinite().all()), "gradients are not finite where a row has every key masked")
    expect(not gradient[hidden].any(), "a gradient reaches the score of a masked key")


def masked_scores_do_not_matter(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    other = torch.where(mask, scores, torch.randn_like(scores) * 3)
    normalizer = normalizer_of(value)
    expect_equal(
        normalizer(other, mask),
        normalizer(scores, mask),
        "the weights change with the score of a masked key, so a causal mask would leak the future: "
        "mask the scores before they are summed",
    )


def blind_rows_are_zero(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    first = normalizer_of(value)(scores, mask)[:, :, 0]
    expect(
        not first.any() and bool(first.isfinite().all()),
        f"a row with every key masked must be all zeros, and is {first[0, 0].tolist()}",
    )


def finite(value: type[Normalizer]) -> None:
    scores, _ = scores_and_mask()
    for scale in (0.0, 1.0, 1e4):
        weights = normalizer_of(value)(scale * scores)
        expect(bool(weights.isfinite().all()), f"weights are not finite for scores of size {scale:g}")


def gradients_exact(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    normalizer = normalizer_of(value)
    torch.autograd.gradcheck(lambda x: normalizer(x, mask), scores.requires_grad_(), fast_mode=True)


def parameters_learn(value: type[Normalizer]) -> None:
    normalizer = normalizer_of(value)
    expect_gradients(normalizer, normalizer(*scores_and_mask()))


def deterministic(value: type[Normalizer]) -> None:
    normalizer, (scores, mask) = normalizer_of(value), scores_and_mask()
    expect_equal(normalizer(scores, mask), normalizer(scores, mask), "two calls on the same scores differ")


def rows_independent(value: type[Normalizer]) -> None:
    normalizer, (scores, mask) = normalizer_of(value), scores_and_mask()
    other = scores.clone()
    other[:, :, -1] = 2.0
    expect_equal(
        normalizer(other, mask)[:, :, :-1],
        normalizer(scores, mask)[:, :, :-1],
        "the weights of a query change with another query's scores: normalise over the last axis, the keys",
    )


CHECKS: Sequence[Check] = (
    constructs,
    keeps_shape,
    masked_keys_are_out,
    masked_scores_do_not_matter,
    blind_rows_are_zero,
    finite,
    gradients_exact,
    parameters_learn,
    deterministic,
    rows_independent,
)
