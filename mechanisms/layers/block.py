"""The block: a mixer and a feed-forward network, each with a residual connection."""

from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice

from ..attention.masks import FULL, Mask
from ..attention.multi_head import MultiHeadAttention
from ..initialisation import xavier
from .residual import NORMS

Memory: TypeAlias = tuple[Tensor, Tensor, Mask]
"""The projected keys and the values of a source, and the mask over them."""


class Block(nn.Module):
    """y = x + mixer(LN(x));  x' = y + W_2 f(W_1 LN(y) + b_1) + b_2, or with the normalisation that `norm` names"""

    order: ClassVar[Sequence[str]] = ("residual_1", "mixer", "residual_2", "feed_forward")
    """The order of the parameters. It is fixed, because the rounding of the gradient norm depends on it."""

    def __init__(
        self,
        width: int,
        mixer: nn.Module,
        norm: Choice = "pre",
        activation: type[nn.Module] = nn.GELU,
        expansion: float = 4.0,
    ) -> None:
        super().__init__()
        for name in self.order:
            self.register_module(name, None)
        self.width, self.hidden = width, round(expansion * width)
        self.mixer = mixer
        self.residual_1 = NORMS.build(norm, width)
        self.feed_forward = nn.Sequential(xavier(width, self.hidden), activation(), xavier(self.hidden, width))
        self.residual_2 = NORMS.build(norm, width)

    def forward(self, x: Float[Tensor, "b n d"], first: int = 0) -> Float[Tensor, "b q d"]:
        """Return the outputs from position `first` on."""
        mixed = self.mixer(self.residual_1.before(x))
        return self.finish(x[:, first:], mixed[:, first:])

    def finish(self, x: Float[Tensor, "*b d"], mixed: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Return the outputs, given the output of the mixer."""
        return self.feed(self.residual_1.after(x, mixed))

    def feed(self, y: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        return self.residual_2.after(y, self.feed_forward(self.residual_2.before(y)))

    def feed_flops(self, positions: int) -> int:
        return 4 * positions * self.width * self.hidden


class AttentionBlock(Block):
    """The block with self-attention. It computes outputs only at the positions that are asked for."""

    order = ("mixer", "residual_1", "feed_forward", "residual_2")
    mixer: MultiHeadAttention

    def forward(
        self, x: Float[Tensor, "b n d"], first: int = 0, mask: Mask = FULL, memory: Memory | None = None
    ) -> Float[Tensor, "b q d"]:
        """Return the outputs from index `first` on; the keys are those of all of x."""
        normed = self.residual_1.before(x)
        keys, values = self.mixer.project(normed)
        return self.attend(x[:, first:], normed[:, first:], keys, values, mask, memory)

    def attend(
        self,
        x: Float[Tensor, "b q d"],
        normed: Float[Tensor, "b q d"],
        keys: Float[Tensor, "b h k a"],
        values: Float[Tensor, "b h k dv"],
        mask: Mask,
        memory: Memory | None = None,
    ) -> Float[Tensor, "b q d"]:
        """Return the outputs at x. `normed` is x as the attention reads it; the keys are projected already."""
        return self.finish(x, self.mixer.attend(normed, keys, values, mask))

    def flops(self, queries: int, keys: int, source: int, mask: Mask = FULL) -> int:
        return self.mixer.flops(queries, keys, mask) + self.feed_flops(queries)


class CrossBlock(AttentionBlock):
    """The block with cross-attention to a source after self-attention (Vaswani et al. 2017, section 3.1)."""

    def __init__(
        self,
        width: int,
        mixer: MultiHeadAttention,
        cross: MultiHeadAttention,
        norm: Choice = "pre",
        activation: type[nn.Module] = nn.GELU,
        expansion: float = 4.0,
    ) -> None:
        super().__init__(width, mixer, norm, activation, expansion)
        self.cross = cross
        self.residual_cross = NORMS.build(norm, width)

    def attend(
        self,
        x: Float[Tensor, "b q d"],
        normed: Float[Tensor, "b q d"],
        keys: Float[Tensor, "b h k a"],
        values: Float[Tensor, "b h k dv"],
        mask: Mask,
        memory: Memory | None = None,
    ) -> Float[Tensor, "b q d"]:
        assert memory is not None
        y = self.residual_1.after(x, self.mixer.attend(normed, keys, values, mask))
        y = self.residual_cross.after(y, self.cross.attend(self.residual_cross.before(y), *memory))
        return self.feed(y)

    def flops(self, queries: int, keys: int, source: int, mask: Mask = FULL) -> int:
        return super().flops(queries, keys, source, mask) + self.cross.flops(queries, source)
