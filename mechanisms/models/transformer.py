"""y = x + MultiHead(LN(x), LN(x));  x' = y + W_2 GELU(W_1 LN(y) + b_1) + b_2, layer on layer over [source; query]

Decoder-only and causal: Radford et al. 2018, "Improving language understanding by generative pre-training".
Normalised before each part rather than after: Radford et al. 2019 (GPT-2); Xiong et al. 2020 (arXiv 2002.04745).
With a `window` each position sees so many last ones (Jiang et al. 2023, "Mistral 7B", arXiv 2310.06825).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice

from ..attention.masks import CAUSAL, FULL, sliding
from ..attention.state import State
from ..layers.stack import Stack
from .model import MODELS, SequenceModel


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


@MODELS.register("transformer")
class Transformer(StreamTransformer):
    complexity = "n²·d + n·d² work; 1 sequential step"
    compiles = True

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        heads: int = 2,
        key_heads: int | None = None,
        alignment: Choice = "scaled_dot",
        normalizer: Choice = "softmax",
        position: Choice = "sinusoidal",
        window: int | None = None,
        expansion: float = 4.0,
    ) -> None:
        super().__init__(width, causal=causal)
        mask = CAUSAL if causal else FULL
        self.stack = Stack(
            width,
            mask=mask if window is None else sliding(window, causal=causal),
            layers=layers,
            heads=heads,
            key_heads=key_heads,
            alignment=alignment,
            normalizer=normalizer,
            position=position,
            expansion=expansion,
            activation=nn.GELU,
        )

    @property
    def decodes(self) -> bool:
        return self.causal

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if not self.causal:
            raise ValueError("a transformer with causal=False answers all queries together and cannot decode by steps")
        return self.stack.start(source)

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        return self.stack.step(query, state), state
