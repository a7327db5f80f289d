"""x = x + mixer(LN(x));  x = x + W_2 GELU(W_1 LN(x) + b_1) + b_2, layer on layer over [source; query]

The Transformer's block, with another mixer in attention's place: one host for all of them, so that what differs
between their rows is the mixer.
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
    """The blocks over any module that maps (batch, length, width) to the same."""

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
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.blocks = nn.ModuleList(Block(width, mixer(), expansion=expansion) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        x = self.mark(torch.cat([source, query], dim=1), 0)
        # Nobody reads the last block at the source, so behind its mixer it computes the answers alone.
        *lower, last = self.blocks
        for block in lower:
            x = block(x, 0)
        output: Tensor = self.norm(last(x, source.shape[1]))
        return output

    def mark(self, x: Float[Tensor, "b n d"], first: int) -> Float[Tensor, "b n d"]:
        """Mark the positions from `first` on: a mixer that reads in order needs no mark."""
        return x


class MixerModel(PreNormModel):
    """The blocks over a Mixer, which can also read on position by position."""

    causal_only = True
    parallel = True

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        x, states = self.mark(source, 0), []
        for depth, (block, mixer) in enumerate(self._layers()):
            mixed, state = mixer.prefill(block.residual_1.before(x))
            states.append(state)
            if depth + 1 < len(self.blocks):
                x = block.finish(x, mixed)
        return source.shape[1], states

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        position, states = state
        x, after = self.mark(query[:, None], position)[:, 0], []
        for (block, mixer), before in zip(self._layers(), states, strict=True):
            mixed, behind = mixer.step(block.residual_1.before(x), before)
            after.append(behind)
            x = block.finish(x, mixed)
        output: Tensor = self.norm(x)
        return output, (position + 1, after)

    def flops(self, source: int, query: int) -> int:
        n, layers = source + query, self._layers()
        whole = sum(mixer.flops(n) + block.feed_flops(n) for block, mixer in layers)
        # Behind its mixer the last block computes the answers alone.
        return whole - layers[-1][0].feed_flops(source)

    def _layers(self) -> list[tuple[Block, Mixer]]:
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        return [(block, block.mixer) for block in blocks if isinstance(block.mixer, Mixer)]


def require_embedding(position: Position) -> None:
    """Raise ValueError for a scheme that marks what only attention has: keys to be rotated, scores to be biased."""
    if position.rotates() or position.biases():
        raise ValueError(
            f"{type(position).__name__} marks queries, keys or scores; here a position can only be embedded"
        )
