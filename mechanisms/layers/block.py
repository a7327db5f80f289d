"""Residuals, and the Transformer's blocks."""

from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from ..attention.masks import Mask
from ..attention.multi_head import MultiHeadAttention
from ..initialisation import xavier

Memory: TypeAlias = tuple[Tensor, Tensor, Mask]
"""The projected keys and the values of a source, and who sees them."""


class Residual(nn.Module):
    """y = x + f(LN(x)): normalised before each part (Xiong et al. 2020, arXiv 2002.04745)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def before(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.norm(x)  # type: ignore[no-any-return]

    def after(self, x: Float[Tensor, "b n d"], change: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return x + change


class PostResidual(Residual):
    """y = LN(x + f(x)): normalised after each part (Vaswani et al. 2017, arXiv 1706.03762, section 3.1)."""

    def before(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return x

    def after(self, x: Float[Tensor, "b n d"], change: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.norm(x + change)  # type: ignore[no-any-return]


RESIDUALS: dict[str, type[Residual]] = {"pre": Residual, "post": PostResidual}


def feed_forward(width: int, hidden: int, activation: nn.Module) -> nn.Sequential:
    return nn.Sequential(xavier(width, hidden), activation, xavier(hidden, width))


class Block(nn.Module):
    """Self-attention and a feed-forward network, each in a residual."""

    def __init__(
        self, width: int, attention: MultiHeadAttention, activation: nn.Module, norm: str, expansion: float
    ) -> None:
        super().__init__()
        self.width, self.hidden = width, round(expansion * width)
        self.attention = attention
        self.residual_1 = RESIDUALS[norm](width)
        self.feed_forward = feed_forward(width, self.hidden, activation)
        self.residual_2 = RESIDUALS[norm](width)

    def forward(
        self, x: Float[Tensor, "b n d"], first: int, mask: Mask, memory: Memory | None = None
    ) -> Float[Tensor, "b q d"]:
        """Return the outputs from index `first` on; all of x serves as keys."""
        given = self.residual_1.before(x)
        keys, values = self.attention.project(given)
        return self.read(x[:, first:], given[:, first:], keys, values, mask, memory)

    def read(
        self,
        x: Float[Tensor, "b q d"],
        given: Float[Tensor, "b q d"],
        keys: Float[Tensor, "b h k a"],
        values: Float[Tensor, "b h k dv"],
        mask: Mask,
        memory: Memory | None = None,
    ) -> Float[Tensor, "b q d"]:
        y = self.residual_1.after(x, self.attention.attend(given, keys, values, mask))
        y = self.look(y, memory)
        return self.residual_2.after(y, self.feed_forward(self.residual_2.before(y)))

    def look(self, y: Float[Tensor, "b q d"], memory: Memory | None) -> Float[Tensor, "b q d"]:
        """Attend to another sequence, in a block that does."""
        return y

    def flops(self, queries: int, keys: int, source: int) -> int:
        return self.attention.flops(queries, keys) + 4 * queries * self.width * self.hidden


class CrossBlock(Block):
    """Between the two it attends to a source (Vaswani et al. 2017, section 3.1, the decoder)."""

    def __init__(
        self,
        width: int,
        attention: MultiHeadAttention,
        activation: nn.Module,
        norm: str,
        expansion: float,
        cross: MultiHeadAttention,
    ) -> None:
        super().__init__(width, attention, activation, norm, expansion)
        self.cross = cross
        self.residual_cross = RESIDUALS[norm](width)

    def look(self, y: Float[Tensor, "b q d"], memory: Memory | None) -> Float[Tensor, "b q d"]:
        assert memory is not None
        return self.residual_cross.after(y, self.cross.attend(self.residual_cross.before(y), *memory))

    def flops(self, queries: int, keys: int, source: int) -> int:
        return super().flops(queries, keys, source) + self.cross.flops(queries, source)
