import torch
from jaxtyping import Float
from torch import Tensor

from ..attention.state import State
from ..layers.recurrent import Cell, RNNCell, matrix_weights
from .model import MODELS, SequenceModel


class Recurrent(SequenceModel):
    """h_t = cell(x_t, h_{t-1}) over [source; query]; the outputs are h_t at the queries."""

    causal_only = True
    family = "recurrent network"
    complexity = "n·d² work; n sequential steps"

    def __init__(self, width: int, cell: Cell, *, causal: bool = True, layers: int = 1) -> None:
        super().__init__(width, causal=causal)
        self.network = cell.network(width, width, layers=layers)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        outputs, _ = self.network(torch.cat([source, query], dim=1))
        answers: Tensor = outputs[:, source.shape[1] :]
        return answers

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        if source.shape[1] == 0:
            return None  # the zero state
        _, state = self.network(source)
        return state

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        output, state = self.network(query[:, None], state)
        return output[:, 0], state

    def flops(self, source: int, query: int) -> int:
        return 2 * (source + query) * matrix_weights(self.network)


@MODELS.register("rnn")
class RNN(Recurrent):
    """h_t = tanh(W x_t + U h_{t-1} + b)

    Source: Elman 1990, "Finding structure in time".
    """

    def __init__(self, width: int, *, causal: bool = True, layers: int = 1) -> None:
        super().__init__(width, RNNCell(), causal=causal, layers=layers)
