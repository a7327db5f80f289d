import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .position import INITIAL_STD, POSITIONS, Position


@POSITIONS.register("t5")
class T5(Position):
    """e_ij + b[bucket(j − i), h], a learned bias for each bucket of distances and each head

    bucket(n) = n for n < E, otherwise min(E + ⌊(B − E) log(n/E) / log(max_distance/E)⌋, B − 1), with E = B/2: a near
    distance has a bucket of its own, and far distances share buckets. In a causal model B = `buckets`, n = i − j, and
    all later keys are in bucket 0. In a bidirectional model B = `buckets` / 2 for each direction. The initial variance
    is 1/2 beside scores of variance 1; in the authors' code it is 1 / the width.

    Source: Raffel et al. 2019, "Exploring the limits of transfer learning with T5" (arXiv 1910.10683), section 2.1, and
    its code.
    """

    def __init__(
        self, width: int, heads: int = 1, causal: bool = True, *, buckets: int = 32, max_distance: int = 128
    ) -> None:
        super().__init__(width, heads, causal)
        self.directions = 1 if causal else 2
        if buckets < 2 * self.directions or buckets % self.directions:
            raise ValueError(
                f"buckets must be at least 2 for each direction and the same number for both, not {buckets}"
            )
        self.one_way = buckets // self.directions
        if max_distance <= self.one_way // 2:
            raise ValueError(
                f"max_distance must be above {self.one_way // 2}, the number of exact buckets, not {max_distance}"
            )
        self.max_distance = max_distance
        self.b = nn.Parameter(torch.empty(buckets, heads))
        nn.init.normal_(self.b, std=INITIAL_STD)

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"]:
        """Return the bias in the parameter's precision; attention converts it to the type of its scores."""
        return F.embedding(self.bucket(key - query[:, None]), self.b).permute(2, 0, 1)

    def bucket(self, offset: Int[Tensor, "q k"]) -> Int[Tensor, "q k"]:
        """Return the buckets of keys that are `offset` positions after their queries."""
        if self.directions == 1:
            return self._bucket((-offset).clamp(min=0))
        return self._bucket(offset.abs()) + self.one_way * (offset > 0)

    def _bucket(self, distance: Int[Tensor, "q k"]) -> Int[Tensor, "q k"]:
        exact = self.one_way // 2
        # Apple's GPUs have no float64.
        dtype = torch.float32 if distance.device.type == "mps" else torch.float64
        octave = (distance.clamp(min=exact).to(dtype) / exact).log() / math.log(self.max_distance / exact)
        # 1e-6 is added so that rounding does not put a distance at the edge of its bucket into the one before.
        far = exact + (octave * (self.one_way - exact) + 1e-6).long()
        return torch.where(distance < exact, distance, far.clamp(max=self.one_way - 1))
