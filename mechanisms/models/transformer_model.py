"""The base classes of the Transformers: their settings, and how a stack is built from them."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice

from ..alignments import ALIGNMENTS
from ..attention.masks import CAUSAL, FULL, Mask, sliding
from ..attention.multi_head import MultiHeadAttention
from ..layers.block import AttentionBlock
from ..layers.residual import NORMS
from ..layers.stack import BlockStack
from ..normalizers import NORMALIZERS
from ..positions import POSITIONS, Position
from .model import SequenceModel


@dataclass(eq=False, repr=False)
class TransformerModel(SequenceModel):
    """A model that is a dataclass. Its fields are its settings; a subclass inherits them and may add or change some."""

    activation: ClassVar[type[nn.Module]] = nn.GELU
    family = "Transformer"
    parallel = True
    complexity = "n²·d + n·d² work; 1 sequential step"

    width: int
    _: KW_ONLY
    causal: bool = True
    layers: int = 2
    heads: int = 2
    key_heads: int | None = None
    alignment: Annotated[Choice, ALIGNMENTS] = "scaled_dot"
    normalizer: Annotated[Choice, NORMALIZERS] = "softmax"
    position: Annotated[Choice, POSITIONS] = "sinusoidal"
    norm: Annotated[Choice, NORMS] = "pre"
    expansion: float = 4.0

    def __post_init__(self) -> None:
        super().__init__(self.width, causal=self.causal)
        if self.layers < 1:
            raise ValueError(f"layers must be at least 1, not {self.layers}")
        if round(self.expansion * self.width) < 1:
            raise ValueError(
                f"expansion {self.expansion} gives the feed-forward network no hidden unit at width {self.width}"
            )

    def build_stack(self, mask: Mask, block: Callable[[Position], AttentionBlock]) -> BlockStack:
        position = POSITIONS.build(self.position, self.width, self.heads, mask.causal)
        return BlockStack(position, [block(position) for _ in range(self.layers)], mask)

    def build_block(self, position: Position) -> AttentionBlock:
        return AttentionBlock(self.width, self.build_attention(position), self.norm, self.activation, self.expansion)

    def build_attention(self, position: Position | None) -> MultiHeadAttention:
        return MultiHeadAttention(self.width, self.heads, self.alignment, self.normalizer, position, self.key_heads)


@dataclass(eq=False, repr=False, kw_only=True)
class StreamTransformer(TransformerModel):
    """One stack over [source; query]. With a `window` each position sees only positions at a smaller distance."""

    window: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        causal = self.causal and not self.bidirectional
        mask = CAUSAL if causal else FULL
        mask = mask if self.window is None else sliding(self.window, causal=causal)
        self.stack = self.build_stack(mask, self.build_block)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        output: Tensor = self.stack(torch.cat([source, query], dim=1), source.shape[1])
        return output

    def mixing(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        mixed: Tensor = self.stack.layers()[0].mixer(x, x, self.stack.mask)
        return mixed

    def weights(self) -> list[Float[Tensor, "b h q k"]]:
        # Lower layers attend from source positions too; only the rows of the queries are returned.
        layers = super().weights()
        return [weights[:, :, -layers[-1].shape[2] :] for weights in layers]

    def flops(self, source: int, query: int) -> int:
        return self.stack.flops(source + query, query)
