"""MultiHead(Q, K, V) = [head_1; …; head_h] W_o, head_i = Attention(Q W_q, K W_k, V W_v)

Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.2.2, with any alignment. With fewer
key heads than query heads it is multi-query attention (Shazeer 2019, "Fast Transformer decoding", arXiv 1911.02150) or
grouped-query attention (Ainslie et al. 2023, "GQA", arXiv 2305.13245).
"""

from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice

from ..alignments import ALIGNMENTS
from ..initialisation import xavier
from ..normalizers import NORMALIZERS
from ..positions import Position
from .attention import Attention
from .masks import FULL, Mask


class MultiHeadAttention(nn.Module):
    """Self-attention if query and source are one sequence, cross-attention if they are two."""

    def __init__(
        self,
        width: int,
        heads: int,
        alignment: Choice = "scaled_dot",
        normalizer: Choice = "softmax",
        position: Position | None = None,
        key_heads: int | None = None,
    ) -> None:
        super().__init__()
        self.head_dim = head_width(width, heads)
        key_heads = heads if key_heads is None else key_heads
        if key_heads < 1 or heads % key_heads:
            raise ValueError(f"{heads} heads cannot share {key_heads} key heads; choose key_heads that divides heads")
        scorer = ALIGNMENTS.build(alignment, key_heads, self.head_dim, self.head_dim)
        self.W_q = xavier(width, width)
        # No bias: with softmax, a constant added to every key changes no weight, so the bias could not be learned.
        self.key_width = key_heads * self.head_dim
        self.W_k = xavier(width, self.key_width, bias=False) if scorer.reads_content else None
        self.W_v = xavier(width, self.key_width)
        self.W_o = xavier(width, width)
        self.attention = Attention(scorer, NORMALIZERS.build(normalizer), position, heads // key_heads)

    def forward(
        self, query: Float[Tensor, "b q d"], source: Float[Tensor, "b k d"], mask: Mask = FULL
    ) -> Float[Tensor, "b q d"]:
        keys, value = self.project(source)
        return self.attend(query, keys, value, mask)

    def project(
        self, source: Float[Tensor, "b k d"], first: int = 0
    ) -> tuple[Float[Tensor, "b h k a"], Float[Tensor, "b h k dv"]]:
        """Return the projected keys and the values of a source at the positions first, first + 1, ...

        `attend` needs nothing else of the source.
        """
        key = source[..., : self.key_width] if self.W_k is None else self.W_k(source)
        return self.attention.project_keys(self._split(key), first), self._split(self.W_v(source))

    def attend(
        self,
        query: Float[Tensor, "b q d"],
        keys: Float[Tensor, "b h k a"],
        value: Float[Tensor, "b h k dv"],
        mask: Mask = FULL,
    ) -> Float[Tensor, "b q d"]:
        context: Tensor = self.attention(self._split(self.W_q(query)), keys, value, mask)
        output: Tensor = self.W_o(context.transpose(1, 2).flatten(2))
        return output

    def flops(self, queries: int, keys: int, mask: Mask = FULL) -> int:
        """Return the floating-point operations for these numbers of queries and keys, in one example."""
        d = self.W_q.in_features
        maps = 4 * queries * d * d + 2 * keys * d * self.key_width * (2 if self.W_k is not None else 1)
        read = 2 * queries * self.attention.reach(keys, mask) * d
        return maps + self.attention.score_flops(queries, keys, mask) + read

    def _split(self, x: Float[Tensor, "b n e"]) -> Float[Tensor, "b h n p"]:
        return x.reshape(x.shape[0], x.shape[1], x.shape[2] // self.head_dim, self.head_dim).transpose(1, 2)


def head_width(width: int, heads: int) -> int:
    if heads < 1 or width % heads:
        raise ValueError(f"width {width} cannot be split into {heads} heads; choose heads that divide it")
    return width // heads
