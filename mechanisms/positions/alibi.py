import torch
from jaxtyping import Float, Int
from torch import Tensor

from .position import POSITIONS, Position


@POSITIONS.register("alibi")
class Alibi(Position):
    """e_ij − m_h |i − j|, m_h = 2^(−8h/H) for the heads h = 1 ... H

    If H is not a power of two, and P is the largest power of two below H, the first P heads have the slopes for P
    heads, and the other heads have every second slope for 2P heads, as in the authors' code. The paper has only keys
    before the query; where a query also sees later keys, |i − j| is this project's choice.

    Source: Press, Smith, Lewis 2021, "Train short, test long" (arXiv 2108.12409), section 3.
    """

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"]:
        """Return the bias in float32; attention converts it to the type of its scores."""
        distance = (query[:, None] - key).abs()
        return -slopes(self.heads, query.device)[:, None, None] * distance


# A function, not a buffer: a buffer would be rounded when the module changes its precision.
def slopes(heads: int, device: torch.device) -> Float[Tensor, "h"]:
    power = 1 << (heads.bit_length() - 1)
    first = torch.arange(1, power + 1, device=device) * (8 / power)
    rest = (2 * torch.arange(heads - power, device=device) + 1) * (4 / power)
    return torch.exp2(-torch.cat([first, rest]))
