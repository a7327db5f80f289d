import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("cosine")
class Cosine(InnerProduct):
    """e(s, h) = β · sᵀ h / (‖s‖ ‖h‖), β > 0 learned

    Content-based addressing. In Transformers it is known as query-key normalisation (Henry et al. 2020, arXiv
    2010.04245).

    Source: Graves, Wayne, Danihelka 2014, "Neural Turing machines" (arXiv 1410.5401), "focusing by content".
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("cosine", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        # The cosine of two random directions has standard deviation 1/√d, so with β = √d the scores start like those of
        # scaled_dot. The logarithm of β is learned, which keeps β positive.
        self.log_beta = nn.Parameter(torch.full((heads, 1, 1), 0.5 * math.log(key_dim)))

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return self.log_beta.exp() * unit(query)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return unit(key)


def unit(x: Float[Tensor, "b h n d"]) -> Float[Tensor, "b h n d"]:
    # eps matters only for the zero vector, whose gradient would otherwise be of the order 1e12.
    return F.normalize(x, dim=-1, eps=1e-6)
