"""e(s, h) = vᵀ tanh(W [s; h])

Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
(arXiv 1508.04025), eq. 8, "concat". W [s; h] = W_s s + W_h h, so it is the additive score without its bias.
"""

from jaxtyping import Float, Int
from torch import Tensor

from .additive import TANH_FLOPS, tanh_parameters, tanh_scores
from .alignment import ALIGNMENTS, Alignment, per_head


@ALIGNMENTS.register("concat")
class Concat(Alignment):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.W_s, self.W_h, self.v = tanh_parameters(heads, query_dim, key_dim)

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * per_head(query, self.W_s)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return 2 * per_head(key, self.W_h)

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, key, self.v)

    @property
    def pair_flops(self) -> int:
        return TANH_FLOPS * self.query_dim

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * (queries * self.W_s.numel() + keys * self.W_h.numel())
