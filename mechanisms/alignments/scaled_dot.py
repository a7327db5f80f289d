from .alignment import ALIGNMENTS, InnerProduct, require_equal_widths


@ALIGNMENTS.register("scaled_dot")
class ScaledDot(InnerProduct):
    """e(s, h) = sᵀ h / √d

    Source: Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), eq. 1.
    """

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        require_equal_widths("scaled_dot", query_dim, key_dim)
        super().__init__(heads, query_dim, key_dim)
        self.scale = key_dim**-0.5
