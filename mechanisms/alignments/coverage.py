import torch
from jaxtyping import Float
from torch import Tensor, nn

from .additive import Additive
from .alignment import ALIGNMENTS
from .history import AttentionHistory, HistoryAlignment
from .tanh_scores import tanh_scores


@ALIGNMENTS.register("coverage")
class Coverage(HistoryAlignment, Additive):
    """e_tj = vᵀ tanh(W s + U h_j + w c_tj + b),  c_t = Σ_{i<t} a_i

    The additive score with one more input: the coverage c_tj, the sum of the weights that key j had at earlier steps.
    The coverage loss that See et al. add in training is left out.

    Source: See, Liu, Manning 2017, "Get to the point: summarization with pointer-generator networks"
    (arXiv 1704.04368), eq. 10 and 11; Tu et al. 2016, "Modeling coverage for neural machine translation"
    (arXiv 1601.04811).
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.w = nn.Parameter(torch.randn(heads, 1, query_dim))

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: AttentionHistory
    ) -> Float[Tensor, "b h q k"]:
        return tanh_scores(query, self.add_part(key, history.total[..., None] * self.w), self.v)

    @property
    def pair_flops(self) -> int:
        return super().pair_flops + 2 * self.query_dim
