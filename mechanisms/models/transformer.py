"""y = x + MultiHead(LN(x), LN(x));  x' = y + W_2 GELU(W_1 LN(y) + b_1) + b_2, layer on layer over [source; query]

Decoder-only and causal: Radford et al. 2018, "Improving language understanding by generative pre-training".
Normalised before each part rather than after: Radford et al. 2019 (GPT-2); Xiong et al. 2020 (arXiv 2002.04745).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..build import Choice, build
from ..masks import CAUSAL, FULL, Mask
from ..multi_head import MultiHeadAttention, xavier
from ..positions import POSITIONS
from .cache import Cache
from .model import MODELS, SequenceModel, State


class Block(nn.Module):
    def __init__(self, width: int, heads: int, alignment: Choice, normalizer: Choice, expansion: int) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width)
        self.attention = MultiHeadAttention(width, heads, alignment, normalizer)
        self.norm_2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(xavier(width, expansion * width), nn.GELU(), xavier(expansion * width, width))

    def forward(self, x: Float[Tensor, "b n d"], first: int, mask: Mask) -> Float[Tensor, "b q d"]:
        """Return the outputs from position `first` on; all positions serve as keys."""
        normed = self.norm_1(x)
        keys, values = self.attention.project(normed)
        return self.read(x[:, first:], normed[:, first:], keys, values, mask)

    def read(
        self,
        x: Float[Tensor, "b q d"],
        normed: Float[Tensor, "b q d"],
        keys: Float[Tensor, "b h k a"],
        values: Float[Tensor, "b h k dv"],
        mask: Mask,
    ) -> Float[Tensor, "b q d"]:
        y = x + self.attention.attend(normed, keys, values, mask)
        output: Tensor = y + self.feed_forward(self.norm_2(y))
        return output


@MODELS.register("transformer")
class Transformer(SequenceModel):
    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        heads: int = 2,
        alignment: Choice = "scaled_dot",
        normalizer: Choice = "softmax",
        position: Choice = "sinusoidal",
        expansion: int = 4,
    ) -> None:
        super().__init__(width, causal=causal)
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}")
        self.position = build(POSITIONS, position, width)
        self.blocks = nn.ModuleList(Block(width, heads, alignment, normalizer, expansion) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.mask = CAUSAL if causal else FULL

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        x = self._embed(torch.cat([source, query], dim=1), 0)
        # Nobody reads the last layer at the source, so it computes the answers alone.
        *lower, last = self._layers()
        for block in lower:
            x = block(x, 0, self.mask)
        output: Tensor = self.norm(last(x, source.shape[1], self.mask))
        return output

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if not self.causal:
            raise ValueError("a transformer with causal=False answers all queries together and cannot decode by steps")
        x = self._embed(source, 0)
        caches = []
        for depth, block in enumerate(self._layers()):
            normed = block.norm_1(x)
            keys, values = block.attention.project(normed)
            caches.append(Cache(keys, values))
            if source.shape[1] and depth + 1 < len(self.blocks):
                x = block.read(x, normed, keys, values, self.mask)
        return caches

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        first = state[0].length
        position = torch.arange(first, first + 1, device=query.device)
        x = self.position.embed(query[:, None], position)
        for block, cache in zip(self._layers(), state, strict=True):
            normed = block.norm_1(x)
            cache.append(*block.attention.project(normed, position))
            x = block.read(x, normed, cache.keys, cache.values, self.mask)
        output: Tensor = self.norm(x)
        return output[:, 0], state

    def weights(self) -> list[Float[Tensor, "b h q k"]]:
        # Lower layers attend from the source as well; what is asked for is the queries' part.
        layers = super().weights()
        return [weights[:, :, -layers[-1].shape[2] :] for weights in layers]

    def _layers(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _embed(self, x: Float[Tensor, "b n d"], first: int) -> Float[Tensor, "b n d"]:
        return self.position.embed(x, torch.arange(first, first + x.shape[1], device=x.device))
