import torch
from jaxtyping import Float
from torch import Tensor

from .normalizer import NORMALIZERS
from .sparse import Sparse, lowest_of


@NORMALIZERS.register("entmax15")
class Entmax15(Sparse):
    """a_i = max(e_i/2 − τ, 0)², τ = μ − √((1 − Σ_S (e_j/2 − μ)²) / |S|), μ the mean of e_j/2 over S

    The weights maximise ⟨a, e⟩ plus the Tsallis entropy of order 1.5, which is between softmax (order 1) and sparsemax
    (order 2). S holds the k highest scores, with the largest k for which τ, computed over them, is at most the lowest
    of them.

    Source: Peters, Niculae, Martins 2019, "Sparse sequence-to-sequence models" (arXiv 1905.05702), algorithm 2.
    """

    cutoff = 2.0

    def project(self, scores: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q k"]:
        half = scores / 2
        support = half >= _lowest_with_weight(half.detach())
        size = support.sum(-1, keepdim=True)
        mean = (half * support).sum(-1, keepdim=True) / size
        spread = ((half - mean).square() * support).sum(-1, keepdim=True)
        return (half - _threshold(mean, spread, size)).relu().square()


def _threshold(mean: Tensor, spread: Tensor, size: Tensor) -> Tensor:
    # The clamp keeps the root real for sets S that are only tried; for the final S it changes nothing.
    return mean - ((1 - spread) / size).clamp(min=torch.finfo(mean.dtype).tiny).sqrt()


def _lowest_with_weight(half: Float[Tensor, "b h q k"]) -> Float[Tensor, "b h q 1"]:
    ordered = half.sort(-1, descending=True).values
    rank = torch.arange(1, half.shape[-1] + 1, dtype=half.dtype, device=half.device)
    mean = ordered.cumsum(-1) / rank
    spread = ordered.square().cumsum(-1) - rank * mean.square()
    size = (_threshold(mean, spread, rank) <= ordered).sum(-1, keepdim=True)
    return lowest_of(ordered, size)
