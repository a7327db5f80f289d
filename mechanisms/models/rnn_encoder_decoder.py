from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from registry import Choice

from ..attention.state import State
from ..layers.recurrent import CELLS, matrix_weights
from .model import MODELS, SequenceModel, require_source


@MODELS.register("rnn_encoder_decoder")
class RNNEncoderDecoder(SequenceModel):
    """h_t = encoder(x_t, h_{t-1});  s_0 = h_T;  s_t = decoder(y_t, s_{t-1}): the source as one vector, no attention

    Each layer of the decoder starts from the last state of the same layer of the encoder.

    Source: Sutskever, Vinyals, Le 2014, "Sequence to sequence learning with neural networks" (arXiv 1409.3215); Cho et
    al. 2014 (arXiv 1406.1078).
    """

    causal_only = True
    family = "encoder-decoder RNN"
    complexity = "n·d² work; n sequential steps"

    def __init__(
        self, width: int, *, causal: bool = True, cell: Annotated[Choice, CELLS] = "gru", layers: int = 1
    ) -> None:
        super().__init__(width, causal=causal)
        cells = CELLS.build(cell)
        self.encoder = cells.network(width, width, layers=layers)
        self.decoder = cells.network(width, width, layers=layers)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        outputs: Tensor
        outputs, _ = self.decoder(query, self.start(source))
        return outputs

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        require_source(self, source)
        _, state = self.encoder(source)
        return state

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        output, state = self.decoder(query[:, None], state)
        return output[:, 0], state

    def flops(self, source: int, query: int) -> int:
        return 2 * (source * matrix_weights(self.encoder) + query * matrix_weights(self.decoder))
