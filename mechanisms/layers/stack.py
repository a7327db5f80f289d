"""A stack of attention blocks, with a position scheme before the first."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from ..attention.cache import Cache
from ..attention.masks import Mask
from ..positions import Position
from .block import AttentionBlock, CrossBlock, Memory


class BlockStack(nn.Module):
    """Blocks over one sequence, which may also attend to a source."""

    def __init__(self, position: Position, blocks: Sequence[AttentionBlock], mask: Mask) -> None:
        super().__init__()
        self.mask = mask
        self.position = position
        self.blocks = nn.ModuleList(blocks)
        self.norm = blocks[-1].residual_2.final()

    def forward(
        self, x: Float[Tensor, "b n d"], first: int = 0, memories: list[Memory] | None = None
    ) -> Float[Tensor, "b q d"]:
        """Return the outputs from index `first` on. In the last layer the others are not computed."""
        x = self.position.embed_from(x)
        last = len(self.blocks) - 1
        for depth, block in enumerate(self.layers()):
            x = block(x, first if depth == last else 0, self.mask, memories[depth] if memories else None)
        return self.norm(x)  # type: ignore[no-any-return]

    def memories(self, source: Float[Tensor, "b s d"], offset: int) -> list[Memory]:
        """Return for each layer what it attends to of a source; `offset` is the position of the first query."""
        crosses = [block.cross for block in self.blocks if isinstance(block, CrossBlock)]
        return [(*cross.project(source), Mask(offset=offset)) for cross in crosses]

    def start(self, x: Float[Tensor, "b n d"]) -> list[Cache]:
        """Read a sequence into caches. Only for a stack that attends to no source, or for an empty sequence."""
        x = self.position.embed_from(x)
        caches = []
        for depth, block in enumerate(self.layers()):
            normed = block.residual_1.before(x)
            keys, values = block.mixer.project(normed)
            caches.append(Cache(keys, values, self.mask.window))
            if x.shape[1] and depth + 1 < len(self.blocks):
                x = block.attend(x, normed, keys, values, self.mask)
        return caches

    def step(
        self, x: Float[Tensor, "b d"], caches: list[Cache], memories: list[Memory] | None = None
    ) -> Float[Tensor, "b d"]:
        now = caches[0].length
        y = self.position.embed_from(x[:, None], now)
        for depth, (block, cache) in enumerate(zip(self.layers(), caches, strict=True)):
            normed = block.residual_1.before(y)
            cache.append(*block.mixer.project(normed, now))
            mask = Mask(self.mask.causal, window=self.mask.window, first=cache.first)
            y = block.attend(y, normed, cache.keys, cache.values, mask, memories[depth] if memories else None)
        output: Tensor = self.norm(y)
        return output[:, 0]

    def layers(self) -> list[AttentionBlock]:
        return [block for block in self.blocks if isinstance(block, AttentionBlock)]

    def flops(self, n: int, queries: int, source: int = 0) -> int:
        """Return the operations for n positions, with outputs at the last `queries`, and `source` source positions."""
        whole, last = self.layers()[:-1], self.layers()[-1]
        return sum(block.flops(n, n, source, self.mask) for block in whole) + last.flops(queries, n, source, self.mask)
