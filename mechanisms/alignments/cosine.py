"""e(s, h) = β · sᵀ h / (‖s‖ ‖h‖), β > 0 learned

Graves, Wayne, Danihelka 2014, "Neural Turing machines" (arXiv 1410.5401), eq. 5 and 6, content addressing.
As query-key normalisation in Transformers: Henry et al. 2020 (arXiv 2010.04245).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("cosine")
class Cosine(InnerProduct):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("cosine", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        # The cosine of two random directions has spread 1/√d, so β = √d starts where scaled dot starts.
        # The logarithm is what is learned: it keeps β positive.
        self.log_beta = nn.Parameter(torch.full((heads, 1, 1), 0.5 * math.log(key_dim)))

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return self.log_beta.exp() * unit(query)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return unit(key)


def unit(x: Float[Tensor, "b h n d"]) -> Float[Tensor, "b h n d"]:
    # The bound matters for the zero vector alone, whose gradient would otherwise be of the order 1e12.
    return F.normalize(x, dim=-1, eps=1e-6)
