"""What sparsemax and entmax share: scores shifted to end at zero, and masked keys far below.

Written here rather than taken from the package `entmax`, which knows no masks and so no rows that may see nothing.
The sorting only finds which keys have weight. Given those, the weights are a formula that autograd differentiates.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..precision import wide
from .normalizer import Normalizer


class Sparse(Normalizer):
    """Gives weight zero to keys that score far enough below their row's highest."""

    compiles = True

    reach: ClassVar[float]
    """A key that scores so much less than the row's highest has weight zero, whatever the others score."""

    @abstractmethod
    def project(self, scores: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q k"]:
        """Return the weights for scores of which each row's highest is zero."""

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if scores.shape[-1] == 0:
            return scores
        given = wide(scores)
        out_of_reach = -self.reach - 1
        if mask is None:
            return self.project(_below(given, given, out_of_reach)).to(scores.dtype)
        masked = ~mask
        seen = given.masked_fill(masked, torch.finfo(given.dtype).min)
        shifted = _below(given, seen, out_of_reach).masked_fill(masked, out_of_reach)
        # A row with every key masked comes out uniform.
        return self.project(shifted).masked_fill(masked, 0.0).to(scores.dtype)


def _below(scores: Tensor, seen: Tensor, lowest: float) -> Tensor:
    """Return the scores minus the highest seen of their row, none below `lowest`: so no score is too large to sum."""
    return (scores - seen.detach().amax(-1, keepdim=True)).clamp(min=lowest)
