from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..attention.state import State
from .model import MODELS
from .transformer_model import StreamTransformer


@MODELS.register("transformer")
@dataclass(eq=False, repr=False, kw_only=True)
class Transformer(StreamTransformer):
    """y = x + MultiHead(LN(x), LN(x));  x' = y + W_2 GELU(W_1 LN(y) + b_1) + b_2, layer by layer over [source; query]

    Decoder-only: causal, unless a task lets every query see all positions. Normalised before each part and not after
    it: Radford et al. 2019 (GPT-2); Xiong et al. 2020 (arXiv 2002.04745). Both GPTs learn their positions; here they
    are sinusoidal by default. With a `window` each position sees only that number of last positions (Jiang et al. 2023,
    "Mistral 7B", arXiv 2310.06825).

    Source: Radford et al. 2018, "Improving language understanding by generative pre-training".
    """

    state_grows = True

    @property
    def decodes(self) -> bool:
        return self.causal

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if not self.causal:
            raise ValueError("a transformer with causal=False answers all queries together and cannot decode")
        return self.stack.start(source)

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        return self.stack.step(query, state), state
