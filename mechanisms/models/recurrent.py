"""What the recurrent models share: cells by name, their initialisation, and the stream model over them."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import nearest

from .model import SequenceModel, State

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def recurrent(cell: str, inputs: int, width: int, layers: int = 1, bidirectional: bool = False) -> nn.RNNBase:
    """Return torch's fused network of the cell "rnn", "gru" or "lstm", initialised."""
    require_cell(cell)
    if layers < 1:
        raise ValueError(f"layers must be at least 1, got {layers}")
    network = CELLS[cell](
        input_size=inputs, hidden_size=width, num_layers=layers, bidirectional=bidirectional, batch_first=True
    )
    initialise_recurrent(network)
    return network


def require_cell(cell: str) -> None:
    if cell not in CELLS:
        raise ValueError(f"unknown cell '{cell}'.{nearest(cell, CELLS)}")


def initialise_recurrent(module: nn.RNNBase | nn.RNNCellBase) -> None:
    """Input weights Glorot uniform and recurrent ones orthogonal, gate by gate; biases zero, the LSTM's forget gate 1.

    Keras's defaults. The forget gate: Jozefowicz et al. 2015, "An empirical exploration of recurrent network
    architectures". Torch's own default, uniform in ±1/√d throughout, forgets within a few positions.
    """
    width = module.hidden_size
    for name, parameter in module.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        else:
            fill = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
            for gate in torch.split(parameter.detach(), width):
                fill(gate)
        # Torch orders an LSTM's gates input, forget, cell, output, and adds two biases: one of them gets the 1.
        if name.startswith("bias_ih") and parameter.shape[0] == 4 * width:
            nn.init.ones_(parameter.detach()[width : 2 * width])


def matrix_weights(network: nn.Module) -> int:
    """Return how many weights a network's matrices have, each of which is used once a position."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)


class Recurrent(SequenceModel):
    """h_t = cell(x_t, h_{t-1}) over the stream [source; query]; the outputs are h_t at the queries."""

    causal_only = True
    complexity = "n·d² work; n sequential steps"
    cell = ""

    def __init__(self, width: int, *, causal: bool = True, layers: int = 1) -> None:
        super().__init__(width, causal=causal)
        self.network = recurrent(self.cell, width, width, layers)

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
