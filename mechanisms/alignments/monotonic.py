import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..precision import wide
from .additive import Additive
from .alignment import ALIGNMENTS
from .history import AttentionHistory, HistoryAlignment
from .tanh_scores import tanh_scores

SMALLEST_WEIGHT = 1e-20
"""A smaller weight is replaced by this one, because the logarithm has no finite gradient at zero."""


@ALIGNMENTS.register("monotonic")
class Monotonic(HistoryAlignment, Additive):
    """e_tj = log α_tj,  α_tj = p_tj Σ_{k≤j} α_{t-1,k} Π_{k≤l<j} (1 - p_tl),  p = σ(g vᵀ/‖v‖ tanh(W s + U h + b) + r)

    At each step a pointer starts from the key at which it last stopped, moves from left to right, and stops at key j
    with probability p_tj; α_tj is the probability that it stops there. Two things differ from the paper. The pointer
    stops at the last key at the latest, so α sums to one and softmax(log α) = α; in the paper it may run past the end,
    and the context vector is then zero. And no noise is added before σ in training, which the paper does to make p
    discrete.

    Source: Raffel et al. 2017, "Online and linear-time attention by enforcing monotonic alignments" (arXiv 1704.00784),
    eq. 9 to 14, with the energy function that has g and r.
    """

    positional = True

    def __init__(self, heads: int, query_dim: int, key_dim: int, *, offset: float = 0.0) -> None:
        super().__init__(heads, query_dim, key_dim)
        # With this g the energies have standard deviation one. With p = σ(r) the pointer
        # moves by (1 - p) / p keys a step: one key at r = 0, so that it reads a source as fast as it answers.
        self.g = nn.Parameter(torch.full((heads, 1, 1), 0.39**-0.5))
        self.r = nn.Parameter(torch.full((heads, 1, 1), offset))

    def begin(self, key: Float[Tensor, "b h k a"]) -> AttentionHistory:
        """Return the history before the first step: the pointer is at the first key."""
        zeros = key.new_zeros(key.shape[:3])
        return AttentionHistory(F.pad(zeros[..., 1:], (1, 0), value=1.0), zeros)

    def energies(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.g * tanh_scores(query, key, F.normalize(self.v, dim=1)) + self.r

    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: AttentionHistory
    ) -> Float[Tensor, "b h q k"]:
        # In half precision the smallest weight would be zero, and the sums over many keys would be rounded.
        energy, previous = wide(self.energies(query, key)), wide(history.previous)
        # Computed in logarithms: a product over many keys would underflow, and would have to be divided by.
        # First log Π_{l<j} (1 - p_l) for each key j, then the sum over the keys at which the pointer last stopped.
        passed = F.pad(F.logsigmoid(-energy[..., :-1]).cumsum(-1), (1, 0))
        last = previous.clamp_min(SMALLEST_WEIGHT).log()[:, :, None]
        arrived = torch.logcumsumexp(last - passed, dim=-1) + passed
        return (F.pad(F.logsigmoid(energy[..., :-1]), (0, 1)) + arrived).to(query.dtype)
