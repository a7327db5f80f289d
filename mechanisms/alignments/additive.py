"""e(s, h) = vᵀ tanh(W s + U h + b)

Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
(arXiv 1409.0473), appendix A.1.2.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .alignment import ALIGNMENTS, Alignment, per_head


@ALIGNMENTS.register("additive")
class Additive(Alignment):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.W, self.U, self.v = tanh_parameters(heads, query_dim, key_dim)
        self.b = nn.Parameter(torch.zeros(heads, 1, query_dim))

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * (per_head(query, self.W) + self.b)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return 2 * per_head(key, self.U)

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, key, self.v)

    @property
    def pair_flops(self) -> int:
        return TANH_FLOPS * self.query_dim

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * (queries * self.W.numel() + keys * self.U.numel())


TANH_FLOPS = 4
"""An addition, a tanh, a multiplication and an addition, for each column of the hidden layer."""


def tanh_parameters(heads: int, query_dim: int, key_dim: int) -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
    """Return W, U and v of vᵀ tanh(W s + U h), whose hidden layer is as wide as a query."""
    width = query_dim
    # W s and U h get variance 1/2 each, so their sum is of unit variance. tanh of that has variance 0.39,
    # and v of variance 1/(0.39 width) gives scores of spread one.
    return (
        nn.Parameter(torch.randn(heads, query_dim, width) / (2 * query_dim) ** 0.5),
        nn.Parameter(torch.randn(heads, key_dim, width) / (2 * key_dim) ** 0.5),
        nn.Parameter(torch.randn(heads, width) / (0.39 * width) ** 0.5),
    )


def tanh_scores(
    query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], v: Float[Tensor, "h a"]
) -> Float[Tensor, "b h q k"]:
    """Return vᵀ tanh((query + key) / 2) for every pair.

    Whoever projects for it doubles: tanh(x / 2) = 2σ(x) - 1, on a processor torch's sigmoid takes a quarter of the time
    of its tanh, and twice a projection is computed once where twice a block of keys is computed for every block.
    """
    # A head at a time, because the product with one vector is a fast call and that with a batch of them is not.
    # In place, since the sum is b·q·k·a numbers and nobody else looks at it.
    heads = zip(query.unbind(1), key.unbind(1), v.unbind(0), strict=True)
    sigmoids = [(s.unsqueeze(2) + h.unsqueeze(1)).sigmoid_() @ weight for s, h, weight in heads]
    return 2 * torch.stack(sigmoids, dim=1) - v.sum(1)[:, None, None]
