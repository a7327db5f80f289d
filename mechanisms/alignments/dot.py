from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("dot")
class Dot(InnerProduct):
    """e(s, h) = sᵀ h

    It has no parameters, so the standard deviation of its scores is √d for queries and keys of unit variance.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.1, "dot".
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("dot", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
