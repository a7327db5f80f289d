"""e(s, h) = vᵀ tanh(s + h): concat with W fixed to identity blocks, W [s; h] = s + h

An ablation: Luong, Pham, Manning 2015 (arXiv 1508.04025), footnote 15, put the poor results of their concat down to
having set part of W to the identity.
"""

import torch
from torch import nn

from .alignment import ALIGNMENTS, require_equal_widths
from .tanh import TanhAlignment


@ALIGNMENTS.register("concat_identity")
class ConcatIdentity(TanhAlignment):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("concat_identity", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        # The sum of two unit normals has variance 2, and tanh of that 0.52: v of variance 1/(0.52 d) gives spread one.
        self.v = nn.Parameter(torch.randn(heads, key_dim) / (0.52 * key_dim) ** 0.5)
