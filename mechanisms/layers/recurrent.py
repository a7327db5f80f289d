"""Recurrent cells by name."""

from typing import ClassVar, TypeAlias

from torch import nn

from registry import Registered, Registry

from ..initialisation import initialise_recurrent
from .context_cells import ContextCell, ContextGRU, ContextLSTM, ContextRNN

Network: TypeAlias = nn.RNN | nn.GRU | nn.LSTM
SingleCell: TypeAlias = nn.RNNCell | nn.GRUCell | nn.LSTMCell


class Cell(Registered):
    """A kind of recurrent cell. It makes networks, single cells, and cells that also read a context vector.

    All of them are initialised.
    """

    network_type: ClassVar[type[Network]]
    """Torch's network, which reads whole sequences in one call."""

    single_type: ClassVar[type[SingleCell]]
    """Torch's cell, which reads one position."""

    context_type: ClassVar[type[ContextCell]]
    """The cell that reads [x_t; c_t], where the context vector c_t is known only at step t."""

    states: ClassVar[int] = 1
    """How many vectors the cell keeps from step to step."""

    def network(self, inputs: int, width: int, *, layers: int = 1, bidirectional: bool = False) -> Network:
        if layers < 1:
            raise ValueError(f"layers must be at least 1, not {layers}")
        network = self.network_type(
            input_size=inputs, hidden_size=width, num_layers=layers, bidirectional=bidirectional, batch_first=True
        )
        self.initialise(network)
        return network

    def single(self, width: int) -> SingleCell:
        cell = self.single_type(width, width)
        self.initialise(cell)
        return cell

    def with_context(self, width: int) -> ContextCell:
        """Return the cell that reads inputs and context vectors of the same width."""
        cell = self.context_type(2 * width, width)
        self.initialise(cell)
        return cell

    def initialise(self, module: Network | SingleCell) -> None:
        initialise_recurrent(module)


class GatedCell(Cell):
    """A cell in which a gate keeps a part of the state: sigmoid(forget_bias) of it, for an input of zero and before
    training."""

    def __init__(self, *, forget_bias: float = 1.0) -> None:
        self.forget_bias = forget_bias

    def initialise(self, module: Network | SingleCell) -> None:
        initialise_recurrent(module, self.forget_bias)


CELLS = Registry[Cell]("cell")


@CELLS.register("rnn")
class RNNCell(Cell):
    """h_t = tanh(W x_t + U h_{t-1} + b)

    Source: Elman 1990, "Finding structure in time".
    """

    network_type = nn.RNN
    single_type = nn.RNNCell
    context_type = ContextRNN


@CELLS.register("gru")
class GRUCell(GatedCell):
    """h_t = (1 - z) ⊙ n + z ⊙ h_{t-1};  r, z = sigmoid(W x_t + U h_{t-1} + b);
    n = tanh(W_n x_t + b_n + r ⊙ (U_n h_{t-1} + b'_n))

    Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder" (arXiv 1406.1078), with the
    reset gate after the product (arXiv 1406.1078v1), as in cuDNN and torch.
    """

    network_type = nn.GRU
    single_type = nn.GRUCell
    context_type = ContextGRU


@CELLS.register("lstm")
class LSTMCell(GatedCell):
    """h_t = o ⊙ tanh(c_t);  c_t = f ⊙ c_{t-1} + i ⊙ tanh(W_c x_t + U_c h_{t-1} + b_c);
    i, f, o = sigmoid(W x_t + U h_{t-1} + b)

    Source: Hochreiter & Schmidhuber 1997, "Long short-term memory"; with the forget gate of Gers et al. 2000.
    """

    network_type = nn.LSTM
    single_type = nn.LSTMCell
    context_type = ContextLSTM
    states = 2


def matrix_weights(network: nn.Module) -> int:
    """Return the number of weights in a network's matrices; each is used once for each position."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)
