import torch
from torch import nn

from .alignment import ALIGNMENTS, require_equal_widths
from .tanh import TanhAlignment


@ALIGNMENTS.register("concat_identity")
class ConcatIdentity(TanhAlignment):
    """e(s, h) = vᵀ tanh(s + h)

    An ablation: `concat` with W fixed to identity blocks, W [s; h] = s + h. The authors set only the part of W for h to
    the identity, and write that the poor results of their concat could be due to that.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), footnote 15.
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("concat_identity", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        # With one s, the tanh of the sum of two unit normals has variance 0.284 over h, so v of variance 1/(0.284 d)
        # gives scores of standard deviation one over the keys.
        self.v = nn.Parameter(torch.randn(heads, key_dim) / (0.284 * key_dim) ** 0.5)
