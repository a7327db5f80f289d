"""e(s, h) = sᵀ h

Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
(arXiv 1508.04025), eq. 8, "dot". Without parameters the spread of its scores is √d; that is its nature.
"""

from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("dot")
class Dot(InnerProduct):
    compiles = True

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("dot", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
