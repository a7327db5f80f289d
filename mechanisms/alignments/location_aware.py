import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .additive import Additive
from .alignment import ALIGNMENTS, per_head
from .history import AttentionHistory, HistoryAlignment
from .tanh_scores import tanh_scores


@ALIGNMENTS.register("location_aware")
class LocationAware(HistoryAlignment, Additive):
    """e_tj = vᵀ tanh(W s + U h_j + V f_tj + b),  f_t = F ∗ a_{t-1}

    The additive score with one more input: the last step's weights, convolved with learned filters. In the paper U and
    V have each other's names.

    Source: Chorowski et al. 2015, "Attention-based models for speech recognition" (arXiv 1506.07503).
    """

    positional = True

    def __init__(self, heads: int, query_dim: int, key_dim: int, *, filters: int = 8, kernel: int = 5) -> None:
        super().__init__(heads, query_dim, key_dim)
        if filters < 1 or kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"location_aware needs filters and an odd kernel, not {filters} and {kernel}")
        self.F = nn.Parameter(torch.randn(heads * filters, 1, kernel) / kernel**0.5)
        self.V = nn.Parameter(torch.randn(heads, filters, query_dim) / filters**0.5)

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: AttentionHistory
    ) -> Float[Tensor, "b h q k"]:
        features = F.conv1d(history.previous, self.F, padding="same", groups=self.heads)
        features = features.reshape(len(key), self.heads, -1, key.shape[2]).transpose(2, 3)
        return tanh_scores(query, self.add_part(key, per_head(features, self.V)), self.v)

    @property
    def pair_flops(self) -> int:
        filters, kernel = self.V.shape[1], self.F.shape[2]
        return super().pair_flops + 2 * filters * (kernel + self.query_dim)
