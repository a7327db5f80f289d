"""e_ij + b[bucket(j − i), h], a learned number per bucket of distances and head

bucket(n) = n below E, then E + ⌊(B − E) log(n/E) / log(max_distance/E)⌋ and at most B − 1, E = B/2: the near have
a bucket each, the far share them. A causal model has B = `buckets` for the distances back, and puts all later keys at
distance 0; one that sees both ways has half for each direction.
Raffel et al. 2020, "Exploring the limits of transfer learning with T5" (arXiv 1910.10683), section 2.1, and its code.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .position import POSITIONS, Position


@POSITIONS.register("t5")
class T5(Position):
    compiles = True

    def __init__(
        self, width: int, heads: int = 1, causal: bool = True, *, buckets: int = 32, max_distance: int = 128
    ) -> None:
        super().__init__(width, heads, causal)
        self.directions = 1 if causal else 2
        if buckets < 2 * self.directions or buckets % self.directions:
            raise ValueError(
                f"buckets must be at least 2 for each direction that is seen, as many for both, and is {buckets}"
            )
        self.one_way = buckets // self.directions
        if max_distance <= self.one_way // 2:
            raise ValueError(
                f"max_distance must be above {self.one_way // 2}, the exact buckets, and is {max_distance}"
            )
        self.max_distance = max_distance
        self.b = nn.Parameter(torch.empty(buckets, heads))
        nn.init.normal_(self.b, std=width**-0.5)

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"]:
        """Return it in the parameter's precision; attention casts it to the type of its scores."""
        return F.embedding(self.bucket(key - query[:, None]), self.b).permute(2, 0, 1)

    def bucket(self, ahead: Int[Tensor, "q k"]) -> Int[Tensor, "q k"]:
        """Return the bucket of a key that stands so far ahead of its query."""
        if self.directions == 1:
            return self._bucket((-ahead).clamp(min=0))
        return self._bucket(ahead.abs()) + self.one_way * (ahead > 0)

    def _bucket(self, distance: Int[Tensor, "q k"]) -> Int[Tensor, "q k"]:
        exact = self.one_way // 2
        # Apple's GPUs have no float64.
        dtype = torch.float32 if distance.device.type == "mps" else torch.float64
        octave = (distance.clamp(min=exact).to(dtype) / exact).log() / math.log(self.max_distance / exact)
        # The nudge: a distance on the edge of its bucket must not fall short of it by rounding.
        far = exact + (octave * (self.one_way - exact) + 1e-6).long()
        return torch.where(distance < exact, distance, far.clamp(max=self.one_way - 1))
