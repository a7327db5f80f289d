"""MultiHead(Q, K, V) = [head_1; …; head_h] W_o, head_i = Attention(Q W_q, K W_k, V W_v)

Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.2.2, with any alignment.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from .alignments import ALIGNMENTS
from .attention import Attention
from .build import Choice, build
from .masks import FULL, Mask
from .normalizers import NORMALIZERS


class MultiHeadAttention(nn.Module):
    """Self-attention where query and source are one sequence, cross-attention where they are two."""

    def __init__(
        self, width: int, heads: int, alignment: Choice = "scaled_dot", normalizer: Choice = "softmax"
    ) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width {width} cannot be split into {heads} heads; choose heads that divide it")
        self.heads = heads
        self.head_dim = width // heads
        scorer = build(ALIGNMENTS, alignment, heads, self.head_dim, self.head_dim)
        self.W_q = xavier(width, width)
        # Without a bias: under softmax a constant that is added to every key changes no weight, so it could not learn.
        self.W_k = xavier(width, width, bias=False) if scorer.reads_keys else nn.Identity()
        self.W_v = xavier(width, width)
        self.W_o = xavier(width, width)
        self.attention = Attention(scorer, build(NORMALIZERS, normalizer))

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        source: Float[Tensor, "b k d"],
        mask: Mask = FULL,
        position: Int[Tensor, "k"] | None = None,
    ) -> Float[Tensor, "b q d"]:
        keys, value = self.project(source, position)
        return self.attend(query, keys, value, mask)

    def project(
        self, source: Float[Tensor, "b k d"], position: Int[Tensor, "k"] | None = None
    ) -> tuple[Float[Tensor, "b h k a"], Float[Tensor, "b h k dv"]]:
        """Return the projected keys and the values of a source: all that attending to it needs."""
        return self.attention.project_keys(self._split(self.W_k(source)), position), self._split(self.W_v(source))

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

    def _split(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b h n p"]:
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.head_dim).transpose(1, 2)


def xavier(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear map that keeps the variance of its input, and has no bias yet."""
    linear = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(linear.weight)
    if bias:
        nn.init.zeros_(linear.bias)
    return linear
