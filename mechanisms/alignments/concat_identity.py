"""e(s, h) = vᵀ tanh(s + h): concat with W fixed to identity blocks, W [s; h] = s + h

An ablation: Luong, Pham, Manning 2015 (arXiv 1508.04025), footnote 15, put the poor results of their concat down to
having set part of W to the identity.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .additive import TANH_FLOPS, tanh_scores
from .alignment import ALIGNMENTS, Alignment, require_equal_widths


@ALIGNMENTS.register("concat_identity")
class ConcatIdentity(Alignment):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("concat_identity", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        # The sum of two unit normals has variance 2, and tanh of that 0.52: v of variance 1/(0.52 d) gives spread one.
        self.v = nn.Parameter(torch.randn(heads, key_dim) / (0.52 * key_dim) ** 0.5)

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return 2 * query

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return 2 * key

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, key, self.v)

    @property
    def pair_flops(self) -> int:
        return TANH_FLOPS * self.query_dim
