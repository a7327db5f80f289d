"""e_tj = log α_tj,  α_tj = p_tj Σ_{k≤j} α_{t-1,k} Π_{k≤l<j} (1 - p_tl),  p = σ(g vᵀ/‖v‖ tanh(W s + U h + b) + r)

The expected alignment of a decoder that walks over the source from left to right and stops at key j with probability
p_tj: Raffel et al. 2017, "Online and linear-time attention by enforcing monotonic alignments" (arXiv 1704.00784),
eq. 8 to 11 and 16. The walk stops at the last key at the latest, so α sums to one and softmax(log α) = α; the
paper lets a walk end without having stopped, and then reads nothing. It also adds noise before σ while it trains,
to make p discrete, which is left out here.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from .additive import Additive
from .alignment import ALIGNMENTS
from .history import History, HistoryAlignment
from .tanh import tanh_scores

LEAST = 1e-20
"""Weights below it count as this much: the logarithm of zero has no gradient."""


@ALIGNMENTS.register("monotonic")
class Monotonic(HistoryAlignment, Additive):
    positional = True

    def __init__(self, heads: int, query_dim: int, key_dim: int, *, offset: float = -1.0) -> None:
        super().__init__(heads, query_dim, key_dim)
        # g starts at the norm that v has, which gives energies of spread one; r says how far a walk goes at first.
        self.g = nn.Parameter(torch.full((heads, 1, 1), 0.39**-0.5))
        self.r = nn.Parameter(torch.full((heads, 1, 1), offset))

    def begin(self, key: Float[Tensor, "b h k a"]) -> History:
        """Before the first step the walk stands at the first key."""
        nothing = key.new_zeros(key.shape[:3])
        return History(F.pad(nothing[..., 1:], (1, 0), value=1.0), nothing)

    def energies(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.g * tanh_scores(query, key, F.normalize(self.v, dim=1)) + self.r

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: History
    ) -> Float[Tensor, "b h q k"]:
        energy = self.energies(query, key)
        # In logarithms, where a product over many keys neither vanishes nor has to be divided by.
        # log Π_{l<j} (1 - p_l) up to key j, then the sum over where the last walk stopped.
        passed = F.pad(F.logsigmoid(-energy[..., :-1]).cumsum(-1), (1, 0))
        arrived = torch.logcumsumexp(history.previous.clamp_min(LEAST).log()[:, :, None] - passed, dim=-1) + passed
        return F.pad(F.logsigmoid(energy[..., :-1]), (0, 1)) + arrived
