"""e_ij − m_h |i − j|, m_h = 2^(−8h/H) for the heads h = 1 ... H

Press, Smith, Lewis 2022, "Train short, test long" (arXiv 2108.12409), section 3. Where H is no power of two, the
largest power P below it gives the first P slopes, and every other one of 2P's the rest, as in the authors' code.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .position import POSITIONS, Position


@POSITIONS.register("alibi")
class Alibi(Position):
    compiles = True

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"]:
        """Return it in float32; attention casts it to the type of its scores."""
        distance = (query[:, None] - key).abs()
        return -slopes(self.heads, query.device)[:, None, None] * distance


# A function, not a buffer: a buffer would be rounded whenever the module changes its precision.
def slopes(heads: int, device: torch.device) -> Float[Tensor, "h"]:
    power = 1 << (heads.bit_length() - 1)
    first = torch.arange(1, power + 1, device=device) * (8 / power)
    rest = (2 * torch.arange(heads - power, device=device) + 1) * (4 / power)
    return torch.exp2(-torch.cat([first, rest]))
