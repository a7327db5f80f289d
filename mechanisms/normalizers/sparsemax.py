import torch
from jaxtyping import Float
from torch import Tensor

from .normalizer import NORMALIZERS
from .sparse import Sparse, lowest_of


@NORMALIZERS.register("sparsemax")
class Sparsemax(Sparse):
    """a_i = max(e_i − τ, 0), τ = (Σ_S e_j − 1) / |S|

    The weights are the point of the simplex that is nearest to e. S holds the k highest scores e_(1) ≥ e_(2) ≥ ...,
    with the largest k for which 1 + k e_(k) > Σ_{j ≤ k} e_(j).

    Source: Martins & Astudillo 2016, "From softmax to sparsemax" (arXiv 1602.02068), algorithm 1.
    """

    cutoff = 1.0

    def project(self, scores: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q k"]:
        support = scores >= _lowest_with_weight(scores.detach())
        threshold = ((scores * support).sum(-1, keepdim=True) - 1) / support.sum(-1, keepdim=True)
        return (scores - threshold).relu()


def _lowest_with_weight(scores: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q 1"]:
    ordered = scores.sort(-1, descending=True).values
    rank = torch.arange(1, scores.shape[-1] + 1, dtype=scores.dtype, device=scores.device)
    size = (1 + rank * ordered > ordered.cumsum(-1)).sum(-1, keepdim=True)
    return lowest_of(ordered, size)
