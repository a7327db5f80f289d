"""What a normalizer must do with masks: a masked key gets no weight, and has no influence on other weights."""

import copy

import torch
from torch import Tensor

from ..normalizers import Normalizer
from .calls import in_both_modes
from .expect import expect, expect_equal, shape

B, H, Q, K = 2, 3, 5, 7
MANY = 13


def scores_and_mask(batch: int = B) -> tuple[Tensor, Tensor]:
    """Return scores, and a mask with a masked key in every row and a fully masked first row."""
    mask = torch.rand(batch, 1, Q, K) < 0.6
    mask[..., 0], mask[..., -1] = True, False
    mask[:, :, 0] = False
    return torch.randn(batch, H, Q, K, dtype=torch.float64), mask


def normalizer_of(value: type[Normalizer]) -> Normalizer:
    return value().double()


def weigh(normalizer: Normalizer, scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the weights without changing the state of the normalizer."""
    weights: Tensor = copy.deepcopy(normalizer)(scores, mask)
    return weights


def comparable(value: type[Normalizer], training: bool) -> Normalizer:
    """Return a normalizer whose weights for inputs of other shapes can be compared; random ones cannot."""
    return normalizer_of(value).train(training and not value.stochastic)


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


@in_both_modes
def masked_scores_do_not_matter(value: type[Normalizer], training: bool) -> None:
    scores, mask = scores_and_mask()
    other = torch.where(mask, scores, torch.randn_like(scores) * 3)
    normalizer = normalizer_of(value).train(training)
    expect_equal(
        weigh(normalizer, other, mask),
        weigh(normalizer, scores, mask),
        "the weights change with the score of a masked key, so a causal mask would leak the future: "
        "mask the scores before they are summed",
    )


@in_both_modes
def masked_keys_do_not_count(value: type[Normalizer], training: bool) -> None:
    """The weights do not depend on how many masked keys there are: decoding has fewer of them than training."""
    normalizer, (scores, mask) = comparable(value, training), scores_and_mask()
    for added in (1, 2 * K):
        more = torch.cat([scores, torch.randn(B, H, Q, added, dtype=scores.dtype)], dim=-1)
        for name, given in (("a mask", mask), ("no mask", None)):
            seen = torch.ones(B, 1, Q, K, dtype=torch.bool) if given is None else mask
            longer = torch.cat([seen, torch.zeros(B, 1, Q, added, dtype=torch.bool)], dim=-1)
            expect_equal(
                weigh(normalizer, more, longer)[..., :K],
                weigh(normalizer, scores, given),
                f"the weights of {K} keys with {name} change if {added} masked keys are appended, so decoding by steps "
                "would give other outputs: count the keys that the query may see, not all that are present",
            )


def fully_masked_rows_are_zero(value: type[Normalizer]) -> None:
    scores, mask = scores_and_mask()
    first = normalizer_of(value)(scores, mask)[:, :, 0]
    expect(
        not first.any() and bool(first.isfinite().all()),
        f"a fully masked row must be all zeros, and is {first[0, 0].tolist()}",
    )
