"""The base classes of the alignments that score with a hidden tanh layer."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .alignment import Alignment, per_head
from .tanh_scores import tanh_scores

TANH_FLOPS = 4
"""The operations for each unit of the hidden layer: an addition, a tanh, a multiplication and an addition."""


class TanhAlignment(Alignment):
    """e(s, h) = vᵀ tanh(query_part(s) + key_part(h)); the subclass makes v, one vector for each head

    The tanh is computed as tanh(x / 2) = 2σ(x) - 1, because on a CPU torch's sigmoid takes a quarter of the time of its
    tanh. So the projections return both parts doubled: each part is then doubled once, and not once for every block of
    queries.
    """

    v: nn.Parameter

    def query_part(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return query

    def key_part(self, key: Float[Tensor, "b h k dk"]) -> Float[Tensor, "b h k a"]:
        return key

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * self.query_part(query)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return 2 * self.key_part(key)

    def add_part(self, key: Float[Tensor, "b h k a"], part: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h k a"]:
        """Return the projected keys with one more part added to the sum, doubled as they are."""
        return torch.add(key, part, alpha=2)

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, key, self.v)

    @property
    def pair_flops(self) -> int:
        return TANH_FLOPS * self.query_dim


class MappedTanhAlignment(TanhAlignment):
    """e(s, h) = vᵀ tanh(W s + U h), with a hidden layer of the width of a query"""

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.W, self.U, self.v = tanh_parameters(heads, query_dim, key_dim)

    def query_part(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return per_head(query, self.W)

    def key_part(self, key: Float[Tensor, "b h k dk"]) -> Float[Tensor, "b h k a"]:
        return per_head(key, self.U)

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * (queries * self.W.numel() + keys * self.U.numel())


def tanh_parameters(heads: int, query_dim: int, key_dim: int) -> tuple[nn.Parameter, nn.Parameter, nn.Parameter]:
    """Return W, U and v of vᵀ tanh(W s + U h), with a hidden layer of the width of a query."""
    width = query_dim
    # W s and U h have variance 1/2 each. With one s, the tanh of their sum has variance 0.208 over h, so v of variance
    # 1/(0.208 width) gives scores of standard deviation one over the keys.
    return (
        nn.Parameter(torch.randn(heads, query_dim, width) / (2 * query_dim) ** 0.5),
        nn.Parameter(torch.randn(heads, key_dim, width) / (2 * key_dim) ** 0.5),
        nn.Parameter(torch.randn(heads, width) / (0.208 * width) ** 0.5),
    )
