"""p(t) = P_t, a learned vector per position, added to the embedding

Gehring et al. 2017, "Convolutional sequence to sequence learning" (arXiv 1705.03122), section 3.1; Devlin et al. 2018,
"BERT" (arXiv 1810.04805) and Radford et al. 2019 (GPT-2), whose initial standard deviation of 0.02 is used.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .position import POSITIONS, Position


@POSITIONS.register("learned")
class Learned(Position):
    compiles = True

    def __init__(self, width: int, heads: int = 1, causal: bool = True, *, max_length: int = 1024) -> None:
        super().__init__(width, heads, causal)
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, and is {max_length}")
        self.max_length = max_length
        self.P = nn.Parameter(torch.empty(max_length, width))
        nn.init.normal_(self.P, std=0.02)

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x + F.embedding(position, self.P).to(x.dtype)
