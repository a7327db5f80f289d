"""What the Transformers are built of: residuals, blocks, and stacks of them."""

from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import nearest

from ..build import Choice, build
from ..masks import Mask
from ..multi_head import MultiHeadAttention, xavier
from ..positions import POSITIONS, Position
from .cache import Cache
from .model import SequenceModel

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


class Stack(nn.Module):
    """Layers over one sequence, a position scheme in front; with `cross`, layers that also attend to a source."""

    def __init__(
        self,
        width: int,
        *,
        mask: Mask,
        layers: int,
        heads: int,
        alignment: Choice,
        normalizer: Choice,
        position: Choice,
        expansion: float,
        activation: type[nn.Module],
        norm: str = "pre",
        key_heads: int | None = None,
        cross: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}")
        if round(expansion * width) < 1:
            raise ValueError(f"expansion {expansion} leaves the feed-forward network nothing at width {width}")
        if norm not in RESIDUALS:
            raise ValueError(f"unknown norm '{norm}'.{nearest(norm, RESIDUALS)}")
        self.mask = mask
        self.position = build(POSITIONS, position, width, heads, mask.causal)

        def attention(scheme: Position | None) -> MultiHeadAttention:
            return MultiHeadAttention(width, heads, alignment, normalizer, scheme, key_heads)

        def block() -> Block:
            own = attention(self.position)
            if cross:
                return CrossBlock(width, own, activation(), norm, expansion, attention(None))
            return Block(width, own, activation(), norm, expansion)

        self.blocks = nn.ModuleList(block() for _ in range(layers))
        # What comes out of the last layer has been normalised already where that is done after each part.
        self.norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()

    def forward(
        self, x: Float[Tensor, "b n d"], first: int = 0, memories: list[Memory] | None = None
    ) -> Float[Tensor, "b q d"]:
        """Return the outputs from index `first` on. Nobody reads the last layer before it, so that is not computed."""
        x = self.position.mark(x)
        last = len(self.blocks) - 1
        for depth, block in enumerate(self.layers()):
            x = block(x, first if depth == last else 0, self.mask, memories[depth] if memories else None)
        return self.norm(x)  # type: ignore[no-any-return]

    def memories(self, source: Float[Tensor, "b s d"], offset: int) -> list[Memory]:
        """Return what each layer attends to of a source, the first query standing at position `offset`."""
        crosses = [block.cross for block in self.blocks if isinstance(block, CrossBlock)]
        return [(*cross.project(source), Mask(offset=offset)) for cross in crosses]

    def start(self, x: Float[Tensor, "b n d"]) -> list[Cache]:
        """Read a sequence into caches. Only for a stack that attends to no source, or an empty sequence."""
        x = self.position.mark(x)
        caches = []
        for depth, block in enumerate(self.layers()):
            given = block.residual_1.before(x)
            keys, values = block.attention.project(given)
            caches.append(Cache(keys, values, self.mask.window))
            if x.shape[1] and depth + 1 < len(self.blocks):
                x = block.read(x, given, keys, values, self.mask)
        return caches

    def step(
        self, x: Float[Tensor, "b d"], caches: list[Cache], memories: list[Memory] | None = None
    ) -> Float[Tensor, "b d"]:
        now = caches[0].length
        y = self.position.mark(x[:, None], now)
        for depth, (block, cache) in enumerate(zip(self.layers(), caches, strict=True)):
            given = block.residual_1.before(y)
            cache.append(*block.attention.project(given, now))
            mask = Mask(self.mask.causal, window=self.mask.window, first=cache.first)
            y = block.read(y, given, cache.keys, cache.values, mask, memories[depth] if memories else None)
        output: Tensor = self.norm(y)
        return output[:, 0]

    def layers(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def flops(self, n: int, queries: int, source: int = 0) -> int:
        """Return the operations for n positions of which `queries` are read, over `source` positions of another."""
        whole, last = self.layers()[:-1], self.layers()[-1]
        return sum(block.flops(n, n, source) for block in whole) + last.flops(queries, n, source)


class StreamTransformer(SequenceModel):
    """One stack over [source; query]."""

    stack: Stack

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        output: Tensor = self.stack(torch.cat([source, query], dim=1), source.shape[1])
        return output

    def weights(self) -> list[Float[Tensor, "b h q k"]]:
        # Lower layers attend from the source as well; what is asked for is the queries' part.
        layers = super().weights()
        return [weights[:, :, -layers[-1].shape[2] :] for weights in layers]

    def flops(self, source: int, query: int) -> int:
        return self.stack.flops(source + query, query)
