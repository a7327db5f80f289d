"""Recurrent cells by name, and what the models over them share."""

from typing import ClassVar, TypeAlias

from torch import nn

from registry import Registered, Registry

from ..initialisation import initialise_recurrent
from .context_cells import ContextCell, ContextGRU, ContextLSTM, ContextRNN

Network: TypeAlias = nn.RNN | nn.GRU | nn.LSTM
SingleCell: TypeAlias = nn.RNNCell | nn.GRUCell | nn.LSTMCell


class Cell(Registered):
    """A kind of recurrent cell. It makes networks of it, single cells, and cells that also read a context.

    All of them come initialised.
    """

    network_type: ClassVar[type[Network]]
    """Torch's network, which reads whole sequences in one call."""

    single_type: ClassVar[type[SingleCell]]
    """Torch's cell, which reads one position."""

    context_type: ClassVar[type[ContextCell]]
    """The cell that reads [x_t; c_t], where the context c_t is known only at step t."""

    states: ClassVar[int] = 1
    """How many vectors the cell carries from step to step."""

    def network(self, inputs: int, width: int, *, layers: int = 1, bidirectional: bool = False) -> Network:
        if layers < 1:
            raise ValueError(f"layers must be at least 1, got {layers}")
        network = self.network_type(
            input_size=inputs, hidden_size=width, num_layers=layers, bidirectional=bidirectional, batch_first=True
        )
        initialise_recurrent(network)
        return network

    def single(self, width: int) -> SingleCell:
        cell = self.single_type(width, width)
        initialise_recurrent(cell)
        return cell

    def with_context(self, width: int) -> ContextCell:
        """Return the cell over inputs and contexts of one width."""
        cell = self.context_type(2 * width, width)
        initialise_recurrent(cell)
        return cell


CELLS = Registry[Cell]("cell")


@CELLS.register("rnn")
class RNNCell(Cell):
    network_type = nn.RNN
    single_type = nn.RNNCell
    context_type = ContextRNN


@CELLS.register("gru")
class GRUCell(Cell):
    network_type = nn.GRU
    single_type = nn.GRUCell
    context_type = ContextGRU


@CELLS.register("lstm")
class LSTMCell(Cell):
    """It carries its memory beside its state."""

    network_type = nn.LSTM
    single_type = nn.LSTMCell
    context_type = ContextLSTM
    states = 2


def matrix_weights(network: nn.Module) -> int:
    """Return how many weights a network's matrices have, each of which is used once a position."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() > 1)
