"""Recurrent cells that read [x_t; c_t], where the context vector c_t is known only at step t.

`bind` splits the weights, multiplies the part of x_t for all steps at once, and returns the step function. The
parameters, and `forward` on [x; c], are those of torch's cells.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

CellState: TypeAlias = tuple[Tensor, ...]
"""The state s_t first, then what else the cell keeps, such as an LSTM's memory."""

CellStep: TypeAlias = Callable[[Tensor, Tensor, CellState], CellState]
"""(the part of x_t, context vector, state) -> state"""


class ContextRNN(nn.RNNCell):
    def bind(self, x: Float[Tensor, "b q d"]) -> tuple[Float[Tensor, "b q g"], CellStep]:
        w_x, w_c, w_h = _matrices(self)

        def step(x: Tensor, context: Tensor, state: CellState) -> CellState:
            return (torch.addmm(torch.addmm(x, context, w_c), state[0], w_h).tanh(),)

        return F.linear(x, w_x, self.bias_ih + self.bias_hh), step


class ContextGRU(nn.GRUCell):
    def bind(self, x: Float[Tensor, "b q d"]) -> tuple[Float[Tensor, "b q g"], CellStep]:
        w_x, w_c, w_h = _matrices(self)
        bias, gates = self.bias_hh, [2 * self.hidden_size, self.hidden_size]

        def step(x: Tensor, context: Tensor, state: CellState) -> CellState:
            input_rz, input_n = torch.split(torch.addmm(x, context, w_c), gates, dim=1)
            hidden_rz, hidden_n = torch.split(torch.addmm(bias, state[0], w_h), gates, dim=1)
            r, z = (input_rz + hidden_rz).sigmoid().chunk(2, dim=1)
            n = torch.addcmul(input_n, r, hidden_n).tanh()
            return (torch.lerp(n, state[0], z),)

        return F.linear(x, w_x, self.bias_ih), step


class ContextLSTM(nn.LSTMCell):
    def bind(self, x: Float[Tensor, "b q d"]) -> tuple[Float[Tensor, "b q g"], CellStep]:
        w_x, w_c, w_h = _matrices(self)

        def step(x: Tensor, context: Tensor, state: CellState) -> CellState:
            i, f, g, o = torch.addmm(torch.addmm(x, context, w_c), state[0], w_h).chunk(4, dim=1)
            memory = torch.addcmul(f.sigmoid() * state[1], i.sigmoid(), g.tanh())
            return o.sigmoid() * memory.tanh(), memory

        return F.linear(x, w_x, self.bias_ih + self.bias_hh), step


ContextCell: TypeAlias = ContextRNN | ContextGRU | ContextLSTM


def _matrices(cell: nn.RNNCellBase) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices of x, of the context vector and of the state, the last two transposed for addmm."""
    w_x, w_c = cell.weight_ih.chunk(2, dim=1)
    return w_x, w_c.t(), cell.weight_hh.t()
