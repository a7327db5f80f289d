import torch
from jaxtyping import Float
from torch import Tensor, nn

from .alignment import ALIGNMENTS, InnerProduct, per_head


@ALIGNMENTS.register("general")
class General(InnerProduct):
    """e(s, h) = sᵀ W h

    It is also called bilinear or multiplicative attention.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.1, "general".
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        # A score is a sum of query_dim · key_dim products, so this gives it standard deviation one.
        self.W = nn.Parameter(torch.randn(heads, query_dim, key_dim) / (query_dim * key_dim) ** 0.5)

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return per_head(query, self.W)

    def flops(self, queries: int, keys: int) -> int:
        return super().flops(queries, keys) + 2 * queries * self.W.numel()
