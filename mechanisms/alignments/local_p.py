from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from registry import Choice

from .alignment import ALIGNMENTS, PairPositions, PredictedWindow, per_head
from .local_m import WrappedAlignment
from .tanh import tanh_parameters


@ALIGNMENTS.register("local_p")
class LocalP(WrappedAlignment):
    """a_tj = align(s, h_j) exp(-(j - p_t)² / 2σ²) where |j - p_t| ≤ D;  p_t = S · σ(vᵀ tanh(W s)),  σ = D / 2

    The centre p_t of the window is predicted from the query, and D is `window`. `align` is the weight that any other
    alignment (`alignment`) gives, normalised over the window. S is the length of the source; under a causal mask it is
    the number of keys that the query may see.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.2, eq. 9 and 10, local-p.
    """

    def __init__(
        self,
        heads: int,
        query_dim: int,
        key_dim: int,
        *,
        alignment: Annotated[Choice, ALIGNMENTS] = "general",
        window: int = 10,
    ) -> None:
        if window < 1:
            raise ValueError(f"local_p: window is the number of keys on each side, at least 1, not {window}")
        super().__init__(heads, query_dim, key_dim, alignment)
        self.D = window
        self.W, _, self.v = tanh_parameters(heads, query_dim, query_dim)

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q p"]:
        """Return the inner alignment's query, and as one more column the predicted centre p_t / S in [0, 1]."""
        hidden = per_head(query, self.W).tanh()
        centre = per_head(hidden, self.v[..., None]).sigmoid()
        return torch.cat([self.inner.project_query(query), centre], dim=-1)

    def score(self, query: Float[Tensor, "b h q p"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.inner.score(query[..., :-1], key)

    def predict_window(self, query: Float[Tensor, "b h q p"], positions: PairPositions) -> PredictedWindow:
        distance = positions.key - positions.visible[:, None] * query[..., -1:]
        # σ = D / 2, so the factor is exp(-2 (distance / D)²).
        return PredictedWindow(distance.abs() <= self.D, torch.exp(-2 * (distance / self.D).square()))

    @property
    def pair_flops(self) -> int:
        return self.inner.pair_flops + 4

    def flops(self, queries: int, keys: int) -> int:
        prediction = 2 * queries * (self.W.numel() + self.v.numel())
        return super().flops(queries, keys) + prediction + 4 * self.heads * queries * keys
