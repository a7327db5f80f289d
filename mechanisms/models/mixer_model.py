"""x = x + mixer(LN(x));  x = x + W_2 GELU(W_1 LN(x) + b_1) + b_2, layer by layer over [source; query]

It is the block of the Transformer with another mixer in the place of attention. All mixers have the same block, so that
two models differ only in the mixer (docs/decisions.md).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..attention.state import State
from ..layers.block import Block
from ..layers.mixer import Mixer
from ..positions import Position
from .model import SequenceModel


class PreNormModel(SequenceModel):
    """Blocks with any module that maps (batch, length, width) to the same shape."""

    def __init__(
        self,
        width: int,
        mixer: Callable[[], nn.Module],
        *,
        causal: bool = True,
        layers: int = 2,
        expansion: float = 4.0,
    ) -> None:
        super().__init__(width, causal=causal)
        for name, value in (("layers", layers), ("expansion", expansion)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.blocks = nn.ModuleList(Block(width, mixer(), expansion=expansion) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        x = self.embed_positions(torch.cat([source, query], dim=1), 0)
        # The outputs of the last block at the source are not used, so after its mixer it computes only the queries.
        *lower, last = self.blocks
        for block in lower:
            x = block(x, 0)
        output: Tensor = self.norm(last(x, source.shape[1]))
        return output

    def mixing(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        first = self.blocks[0]
        assert isinstance(first, Block)
        return first.mixer(x)  # type: ignore[no-any-return]

    def embed_positions(self, x: Float[Tensor, "b n d"], first: int) -> Float[Tensor, "b n d"]:
        """Encode the positions from `first` on. A mixer that reads in order does not need it."""
        return x


class MixerModel(PreNormModel):
    """Blocks with a Mixer, which can also read one position at a time."""

    causal_only = True
    parallel = True

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        x, states = self.embed_positions(source, 0), []
        for depth, (block, mixer) in enumerate(self._layers()):
            mixed, state = mixer.prefill(block.residual_1.before(x))
            states.append(state)
            if depth + 1 < len(self.blocks):
                x = block.finish(x, mixed)
        return source.shape[1], states

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        position, states = state
        x, after = self.embed_positions(query[:, None], position)[:, 0], []
        for (block, mixer), state_before in zip(self._layers(), states, strict=True):
            mixed, state_after = mixer.step(block.residual_1.before(x), state_before)
            after.append(state_after)
            x = block.finish(x, mixed)
        output: Tensor = self.norm(x)
        return output, (position + 1, after)

    def flops(self, source: int, query: int) -> int:
        n, layers = source + query, self._layers()
        whole = sum(mixer.flops(n) + block.feed_flops(n) for block, mixer in layers)
        # After its mixer the last block computes only the queries.
        return whole - layers[-1][0].feed_flops(source)

    def _layers(self) -> list[tuple[Block, Mixer]]:
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        return [(block, block.mixer) for block in blocks if isinstance(block.mixer, Mixer)]


def require_embedding(position: Position) -> None:
    """Raise ValueError for a scheme that rotates queries and keys or biases scores, which only attention has."""
    if position.rotates() or position.biases():
        raise ValueError(
            f"{type(position).__name__} changes queries, keys or scores; here a position can only be embedded"
        )
