import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .position import INITIAL_STD, POSITIONS, Position


@POSITIONS.register("learned")
class Learned(Position):
    """p(t) = P_t, a learned vector for each position, added to the embedding

    The initial variance is that of sinusoidal positions, 1/2 beside embeddings of variance 1. BERT (Devlin et al. 2018,
    arXiv 1810.04805) has a standard deviation of 0.02 for both.

    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning" (arXiv 1705.03122), section 3.1.
    """

    def __init__(self, width: int, heads: int = 1, causal: bool = True, *, max_length: int = 1024) -> None:
        super().__init__(width, heads, causal)
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, not {max_length}")
        self.max_length = max_length
        self.P = nn.Parameter(torch.empty(max_length, width))
        nn.init.normal_(self.P, std=INITIAL_STD)

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x + F.embedding(position, self.P).to(x.dtype)
