"""e_tj = vᵀ tanh(W s + U h_j + w c_tj + b),  c_t = Σ_{i<t} a_i: additive, and how much a key has been read already

See, Liu, Manning 2017, "Get to the point: summarization with pointer-generator networks" (arXiv 1704.04368),
eq. 10 and 11; Tu et al. 2016, "Modeling coverage for neural machine translation" (arXiv 1601.04811), section 3.1.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .additive import TANH_FLOPS, tanh_parameters, tanh_scores
from .alignment import ALIGNMENTS, per_head
from .history import History, HistoryAlignment


@ALIGNMENTS.register("coverage")
class Coverage(HistoryAlignment):
    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.W, self.U, self.v = tanh_parameters(heads, query_dim, key_dim)
        self.b = nn.Parameter(torch.zeros(heads, 1, query_dim))
        self.w = nn.Parameter(torch.randn(heads, 1, query_dim))

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * (per_head(query, self.W) + self.b)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Tensor) -> Float[Tensor, "b h k a"]:
        return 2 * per_head(key, self.U)

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: History
    ) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, key + history.total[..., None] * (2 * self.w), self.v)

    @property
    def pair_flops(self) -> int:
        return (TANH_FLOPS + 2) * self.query_dim

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * (queries * self.W.numel() + keys * self.U.numel())
