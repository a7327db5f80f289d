import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .alignment import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("location")
class Location(InnerProduct):
    """e_i(s) = w_i · s, where w_i is a learned vector for key position i; the key's content is not used

    In self-attention it is the dense Synthesizer (Tay et al. 2020, arXiv 2005.00743) without the ReLU between its two
    linear maps.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.1, "location".
    """

    positional = True
    reads_content = False

    def __init__(self, heads: int, query_dim: int, key_dim: int, *, max_length: int = 1024) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.max_length = max_length
        self.w = nn.Parameter(torch.randn(heads, max_length, query_dim) / query_dim**0.5)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        # index_select sums gradients row by row, which is faster than indexing, which sums them number by number.
        return self.w.index_select(1, position).expand(key.shape[0], -1, -1, -1)
