"""p(t, 2i) = sin(t / 10000^(2i/d)), p(t, 2i+1) = cos(t / 10000^(2i/d)), added to the embedding

Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.5. Computed rather than stored,
so any length will do. Its variance of 1/2 stands beside embeddings of unit variance.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .angles import angles
from .position import POSITIONS, Position


@POSITIONS.register("sinusoidal")
class Sinusoidal(Position):
    compiles = True

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        angle = angles(position, self.width)
        # An odd width ends on a sine.
        waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, : self.width]
        return x + waves.to(x.dtype)
