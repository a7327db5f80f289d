import torch
from jaxtyping import Float
from torch import Tensor, nn

from .alignment import ALIGNMENTS
from .tanh import MappedTanhAlignment


@ALIGNMENTS.register("additive")
class Additive(MappedTanhAlignment):
    """e(s, h) = vᵀ tanh(W s + U h + b)

    The paper has no bias b.

    Source: Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
    (arXiv 1409.0473), appendix A.1.2.
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.b = nn.Parameter(torch.zeros(heads, 1, query_dim))

    def query_part(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return super().query_part(query) + self.b
