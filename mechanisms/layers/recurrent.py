"""What the recurrent models share: cells by name, their initialisation, and the stream model over them."""

from collections.abc import Callable

from torch import nn

from registry import suggestion

from ..initialisation import initialise_recurrent

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
        raise ValueError(f"unknown cell '{cell}'.{suggestion(cell, CELLS)}")


def matrix_weights(network: nn.Module) -> int:
    """Return how many weights a network's matrices have, each of which is used once a position."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)
