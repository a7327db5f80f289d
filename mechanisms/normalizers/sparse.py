"""The base class of sparsemax and entmax: it shifts each row's scores so that the highest is zero, and masks.

The package `entmax` is not used, because it fails on a fully masked row; other masks can be given to it as scores of
minus infinity. Sorting only finds the keys with a weight above zero. With these given, the weights are a formula that
autograd differentiates.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..precision import wide
from .normalizer import Normalizer


class Sparse(Normalizer):
    """Gives weight zero to keys whose score is far enough below the highest of their row."""

    cutoff: ClassVar[float]
    """A key has weight zero if its score is this much below the highest of its row, whatever the other scores are."""

    @abstractmethod
    def project(self, scores: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q k"]:
        """Return the weights for scores whose highest is zero in each row."""

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if scores.shape[-1] == 0:
            return scores
        given = wide(scores)
        lowest = -self.cutoff - 1
        if mask is None:
            return self.project(_shifted(given, given, lowest)).to(scores.dtype)
        masked = ~mask
        seen = given.masked_fill(masked, torch.finfo(given.dtype).min)
        shifted = _shifted(given, seen, lowest).masked_fill(masked, lowest)
        # The weights of a fully masked row are uniform before the second fill.
        return self.project(shifted).masked_fill(masked, 0.0).to(scores.dtype)


def lowest_of(ordered: Float[Tensor, "b h q k"], size: Int[Tensor, "b h q 1"]) -> Float[Tensor, "b h q 1"]:
    """Return the lowest of the first `size` scores of each row, which is in decreasing order."""
    # The size is 0 only where a score is NaN; then every weight of the row is NaN.
    return ordered.gather(-1, (size - 1).clamp(min=0))


def _shifted(scores: Tensor, seen: Tensor, lowest: float) -> Tensor:
    """Return the scores minus the highest of their row in `seen`, and at least `lowest`, so that sums stay finite."""
    return (scores - seen.detach().amax(-1, keepdim=True)).clamp(min=lowest)
