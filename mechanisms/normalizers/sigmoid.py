import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..precision import at_least_single
from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("sigmoid")
class Sigmoid(Normalizer):
    """a_i = σ(e_i − log n), n the number of keys that the query may see

    Each key is weighted independently, and the weights need not sum to one. With the bias −log n their sum starts near
    one. In the paper n is the length of the sequence; here it is counted for each query, so that a decoding step gives
    the same weights as the whole sequence.

    Source: Ramapuram et al. 2024, "Theory, analysis, and best practices for sigmoid self-attention" (arXiv 2409.04431).
    """

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        keys = scores.shape[-1]
        seen = torch.ones(1, 1, 1, keys, dtype=torch.bool, device=scores.device) if mask is None else mask
        # A mask may have one column, which is then for all keys.
        n = seen.expand(*seen.shape[:-1], keys).sum(-1, keepdim=True).clamp(min=1)
        bias = -n.to(at_least_single(scores.dtype)).log()
        weights = (scores + bias).sigmoid().to(scores.dtype)
        return weights if mask is None else weights.masked_fill(~mask, 0.0)
