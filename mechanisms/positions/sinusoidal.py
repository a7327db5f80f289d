import torch
from jaxtyping import Float, Int
from torch import Tensor

from .angles import angles
from .position import POSITIONS, Position


@POSITIONS.register("sinusoidal")
class Sinusoidal(Position):
    """p(t, 2i) = sin(t / 10000^(2i/d)), p(t, 2i+1) = cos(t / 10000^(2i/d)), added to the embedding

    It is computed and not stored, so there is no limit to the length. Its variance is 1/2, that of the embeddings 1.

    Source: Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.5.
    """

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        angle = angles(position, self.width)
        # The last column of an odd width is a sine.
        waves = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, : self.width]
        return x + waves.to(x.dtype)
