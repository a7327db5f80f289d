from typing import Annotated

from jaxtyping import Float, Int
from torch import Tensor

from registry import Choice

from .alignment import ALIGNMENTS, Alignment


class WrappedAlignment(Alignment):
    """Scores as another alignment does, which it wraps."""

    positional = True

    def __init__(self, heads: int, query_dim: int, key_dim: int, alignment: Choice) -> None:
        super().__init__(heads, query_dim, key_dim)
        self.inner = ALIGNMENTS.build(alignment, heads, query_dim, key_dim)
        if self.inner.needs_history or isinstance(self.inner, WrappedAlignment):
            kinds = "an alignment that is global and needs no history"
            raise ValueError(f"{type(self).__name__} wraps {kinds}, not {alignment}")
        self.max_length = self.inner.max_length
        self.reads_content = self.inner.reads_content

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return self.inner.project_query(query)

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return self.inner.project_key(key, position)

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.inner.score(query, key)

    @property
    def kernel_scale(self) -> float | None:
        return self.inner.kernel_scale

    @property
    def pair_flops(self) -> int:
        return self.inner.pair_flops

    def flops(self, queries: int, keys: int) -> int:
        return self.inner.flops(queries, keys)


@ALIGNMENTS.register("local_m")
class LocalM(WrappedAlignment):
    """e_tj = score(s, h_j) where |j - t| ≤ window, the query's own position being t; other keys get no weight

    The score is that of any other alignment (`alignment`). A query without a key in its window gets a context vector of
    zeros.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.2, local-m.
    """

    def __init__(
        self,
        heads: int,
        query_dim: int,
        key_dim: int,
        *,
        alignment: Annotated[Choice, ALIGNMENTS] = "general",
        window: int = 10,
    ) -> None:
        if window < 0:
            raise ValueError(f"local_m: window is the number of keys on each side, at least 0, not {window}")
        super().__init__(heads, query_dim, key_dim, alignment)
        self.window = window
