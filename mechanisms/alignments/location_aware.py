"""e_tj = vᵀ tanh(W s + V h_j + U f_tj + b),  f_t = F ∗ a_{t-1}: content and what the last step looked at

Chorowski et al. 2015, "Attention-based models for speech recognition" (arXiv 1506.07503), eq. 8 and 9.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .additive import TANH_FLOPS, tanh_parameters, tanh_scores
from .alignment import ALIGNMENTS, per_head
from .history import History, HistoryAlignment


@ALIGNMENTS.register("location_aware")
class LocationAware(HistoryAlignment):
    positional = True

    def __init__(self, heads: int, query_dim: int, key_dim: int, *, filters: int = 8, kernel: int = 5) -> None:
        super().__init__(heads, query_dim, key_dim)
        if filters < 1 or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"location_aware needs filters and an odd kernel, not {filters} and {kernel}")
        self.W, self.V, self.v = tanh_parameters(heads, query_dim, key_dim)
        self.b = nn.Parameter(torch.zeros(heads, 1, query_dim))
        self.F = nn.Parameter(torch.randn(heads * filters, 1, kernel) / kernel**0.5)
        self.U = nn.Parameter(torch.randn(heads, filters, query_dim) / filters**0.5)

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * (per_head(query, self.W) + self.b)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return 2 * per_head(key, self.V)

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: History
    ) -> Float[Tensor, "b h q k"]:
        features = F.conv1d(history.previous, self.F, padding="same", groups=self.heads)
        features = features.reshape(len(key), self.heads, -1, key.shape[2]).transpose(2, 3)
        return tanh_scores(query, key + 2 * per_head(features, self.U), self.v)

    @property
    def pair_flops(self) -> int:
        filters, kernel = self.U.shape[1], self.F.shape[2]
        return TANH_FLOPS * self.query_dim + 2 * filters * (kernel + self.query_dim)

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * (queries * self.W.numel() + keys * self.V.numel())
