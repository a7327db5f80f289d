from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice

from ..attention.cache import Cache
from ..attention.masks import CAUSAL, FULL
from ..attention.state import State
from ..layers.block import CrossBlock, Memory
from ..layers.residual import NORMS
from ..positions import Position
from .model import MODELS, require_source
from .transformer_model import TransformerModel


@dataclass(frozen=True)
class EncoderDecoderState:
    """The cache of each decoder layer, and what each attends to of the source."""

    caches: list[Cache]
    memories: list[Memory]


@MODELS.register("transformer_encoder_decoder")
@dataclass(eq=False, repr=False, kw_only=True)
class TransformerEncoderDecoder(TransformerModel):
    """encoder: y = LN(x + MultiHead(x, x)), x' = LN(y + FFN(y));  decoder: the same, masked, with
    LN(y + MultiHead(y, h)) between;  FFN(x) = max(0, x W_1 + b_1) W_2 + b_2

    An encoder over the source, and a decoder over the queries that attends to it in each layer. Normalised after each
    part, as in the paper, or before it with norm: pre, and then once more at the end of each stack (Xiong et al. 2020,
    arXiv 2002.04745). Position schemes that rotate or bias act in self-attention only and not between the two
    sequences, as in T5 (Raffel et al. 2019, arXiv 1910.10683).

    Source: Vaswani et al. 2017, "Attention is all you need" (arXiv 1706.03762), section 3.
    """

    state_grows = True
    activation = nn.ReLU

    norm: Annotated[Choice, NORMS] = "post"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.encoder = self.build_stack(FULL, self.build_block)
        self.decoder = self.build_stack(CAUSAL if self.causal else FULL, self.build_cross_block)

    def build_cross_block(self, position: Position) -> CrossBlock:
        own, cross = self.build_attention(position), self.build_attention(None)
        return CrossBlock(self.width, own, cross, self.norm, self.activation, self.expansion)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        output: Tensor = self.decoder(query, 0, self._encode(source))
        return output

    @property
    def decodes(self) -> bool:
        return self.causal

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if not self.causal:
            raise ValueError("a decoder with causal=False answers all queries together and cannot decode")
        return EncoderDecoderState(self.decoder.start(source[:, :0]), self._encode(source))

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        now = state.caches[0].length
        memories = [(keys, values, mask._replace(offset=now)) for keys, values, mask in state.memories]
        return self.decoder.step(query, state.caches, memories), state

    def weights(self) -> list[Float[Tensor, "b h q s"]]:
        crosses = [block.cross for block in self.decoder.blocks if isinstance(block, CrossBlock)]
        return [cross.attention.weights for cross in crosses if cross.attention.weights is not None]

    def _encode(self, source: Float[Tensor, "b s d"]) -> list[Memory]:
        require_source(self, source)
        return self.decoder.memories(self.encoder(source), 0)

    def flops(self, source: int, query: int) -> int:
        return self.encoder.flops(source, source) + self.decoder.flops(query, query, source)
