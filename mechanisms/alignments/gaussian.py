import torch
from jaxtyping import Float, Int
from torch import Tensor

from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("gaussian")
class Gaussian(InnerProduct):
    """e(s, h) = -‖s - h‖² / (2√d)

    The logarithm of a Gaussian (RBF) kernel. With the factor 1/2 it is the score of scaled_dot minus half of the
    squared norms over √d, as -‖s - h‖² / 2 = ⟨s, h⟩ - ‖s‖²/2 - ‖h‖²/2. So it is an inner product of vectors with two
    more columns.

    Source: Tsai et al. 2019, "Transformer dissection: a unified understanding of Transformer's attention via the lens
    of kernel" (arXiv 1908.11775), which compares such a kernel with others.
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("gaussian", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        self.scale = key_dim**-0.5

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        norm = -0.5 * query.square().sum(-1, keepdim=True)
        return torch.cat([query, norm, torch.ones_like(norm)], dim=-1)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        norm = -0.5 * key.square().sum(-1, keepdim=True)
        return torch.cat([key, torch.ones_like(norm), norm], dim=-1)
