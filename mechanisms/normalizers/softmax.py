import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("softmax")
class Softmax(Normalizer):
    """a_i = exp(e_i) / Σ_j exp(e_j), the sum over the keys that are not masked

    Source: Bridle 1990, "Probabilistic interpretation of feedforward classification network outputs, with relationships
    to statistical pattern recognition"; for attention Bahdanau, Cho, Bengio 2014 (arXiv 1409.0473), eq. 6.
    """

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if mask is None:
            return scores.softmax(-1)
        # The lowest finite number instead of -inf, with which a fully masked row would be NaN.
        # The softmax of such a row is uniform; the second fill makes it zero.
        masked = ~mask
        lowest = torch.finfo(scores.dtype).min
        return scores.masked_fill(masked, lowest).softmax(-1).masked_fill(masked, 0.0)
