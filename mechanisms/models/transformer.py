"""y = x + MultiHead(LN(x), LN(x));  x' = y + W_2 GELU(W_1 LN(y) + b_1) + b_2, layer on layer over [source; query]

Decoder-only and causal: Radford et al. 2018, "Improving language understanding by generative pre-training".
Normalised before each part rather than after: Radford et al. 2019 (GPT-2); Xiong et al. 2020 (arXiv 2002.04745).
With a `window` each position sees so many last ones (Jiang et al. 2023, "Mistral 7B", arXiv 2310.06825).
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..attention.state import State
from .model import MODELS
from .transformer_model import StreamTransformer


@MODELS.register("transformer")
@dataclass(eq=False, repr=False, kw_only=True)
class Transformer(StreamTransformer):
    """Causal, unless a task lets every query see all."""

    state_grows = True

    @property
    def decodes(self) -> bool:
        return self.causal

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if not self.causal:
            raise ValueError("a transformer with causal=False answers all queries together and cannot decode by steps")
        return self.stack.start(source)

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        return self.stack.step(query, state), state
