import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .position import POSITIONS, Position


@POSITIONS.register("learned")
class Learned(Position):
    """p(t) = P_t, a learned vector for each position, added to the embedding

    The initial standard deviation of 0.02 is that of BERT (Devlin et al. 2018, arXiv 1810.04805). In the code of GPT-2
    (Radford et al. 2019) it is 0.01.

    Source: Gehring et al. 2017, "Convolutional sequence to sequence learning" (arXiv 1705.03122), section 3.1.
    """

    def __init__(self, width: int, heads: int = 1, causal: bool = True, *, max_length: int = 1024) -> None:
        super().__init__(width, heads, causal)
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, not {max_length}")
        self.max_length = max_length
        self.P = nn.Parameter(torch.empty(max_length, width))
        nn.init.normal_(self.P, std=0.02)

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x + F.embedding(position, self.P).to(x.dtype)
