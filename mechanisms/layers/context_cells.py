"""Recurrent cells that read [x_t; c_t], where the context vector c_t is known only at step t.

`bind` splits the weights, multiplies the part of x_t for all steps at once, and returns the step function. The
parameters, and `forward` on [x; c], are those of torch's cells. `gates` computes the state of a step, and
`gates_backward` the gradients, for the decoders that write their backward pass themselves (`unrolled.py`).
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

sigmoid_backward = torch.ops.aten.sigmoid_backward.default
tanh_backward = torch.ops.aten.tanh_backward.default


class ContextBase(nn.RNNCellBase):
    def bind(self, x: Float[Tensor, "b q d"]) -> tuple[Float[Tensor, "b q g"], CellStep]:
        w_x, w_c, w_h, b_x, b_h = self.weights()

        def step(x: Tensor, context: Tensor, state: CellState) -> CellState:
            return self.gates(torch.addmm(x, context, w_c), torch.addmm(b_h, state[0], w_h), state)[0]

        return F.linear(x, w_x, b_x), step

    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the matrices of x, of the context vector and of the state, the last two transposed for addmm, and the
        biases of x and of the state."""
        w_x, w_c = self.weight_ih.chunk(2, dim=1)
        return w_x, w_c.t(), self.weight_hh.t(), self.bias_ih, self.bias_hh

    @staticmethod
    def gates(
        read: Float[Tensor, "b g"], hidden: Float[Tensor, "b g"], state: CellState
    ) -> tuple[CellState, CellState]:
        """Return the next state, and what `gates_backward` needs.

        `read` is the product with [x_t; c_t], and `hidden` that with the state, each with its bias.
        """
        raise NotImplementedError

    @staticmethod
    def gates_backward(kept: CellState, to_state: CellState) -> tuple[Tensor, Tensor, CellState]:
        """Return the gradients of read, of hidden, and of the state before, without the part through hidden."""
        raise NotImplementedError


class ContextRNN(ContextBase, nn.RNNCell):
    @staticmethod
    def gates(
        read: Float[Tensor, "b g"], hidden: Float[Tensor, "b g"], state: CellState
    ) -> tuple[CellState, CellState]:
        after = (read + hidden).tanh()
        return (after,), (after,)

    @staticmethod
    def gates_backward(kept: CellState, to_state: CellState) -> tuple[Tensor, Tensor, CellState]:
        gates = tanh_backward(to_state[0], kept[0])
        return gates, gates, (torch.zeros_like(to_state[0]),)


class ContextGRU(ContextBase, nn.GRUCell):
    @staticmethod
    def gates(
        read: Float[Tensor, "b g"], hidden: Float[Tensor, "b g"], state: CellState
    ) -> tuple[CellState, CellState]:
        split = [2 * state[0].shape[1], state[0].shape[1]]
        (read_rz, read_n), (hidden_rz, hidden_n) = torch.split(read, split, 1), torch.split(hidden, split, 1)
        rz = (read_rz + hidden_rz).sigmoid()
        r, z = rz.chunk(2, dim=1)
        n = torch.addcmul(read_n, r, hidden_n).tanh()
        return (torch.lerp(n, state[0], z),), (state[0], rz, n, hidden_n)

    @staticmethod
    def gates_backward(kept: CellState, to_state: CellState) -> tuple[Tensor, Tensor, CellState]:
        before, rz, n, hidden_n = kept
        r, z = rz.chunk(2, dim=1)
        to_before = to_state[0] * z
        to_n = tanh_backward(to_state[0] - to_before, n)
        to_rz = sigmoid_backward(torch.cat([to_n * hidden_n, to_state[0] * (before - n)], 1), rz)
        return torch.cat([to_rz, to_n], 1), torch.cat([to_rz, to_n * r], 1), (to_before,)


class ContextLSTM(ContextBase, nn.LSTMCell):
    @staticmethod
    def gates(
        read: Float[Tensor, "b g"], hidden: Float[Tensor, "b g"], state: CellState
    ) -> tuple[CellState, CellState]:
        i, f, g, o = (read + hidden).chunk(4, dim=1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        memory = torch.addcmul(f * state[1], i, g)
        squashed = memory.tanh()
        return (o * squashed, memory), (state[1], i, f, g, o, squashed)

    @staticmethod
    def gates_backward(kept: CellState, to_state: CellState) -> tuple[Tensor, Tensor, CellState]:
        before, i, f, g, o, squashed = kept
        to_output, to_memory = to_state
        to_memory = to_memory + tanh_backward(to_output * o, squashed)
        parts = [
            sigmoid_backward(to_memory * g, i),
            sigmoid_backward(to_memory * before, f),
            tanh_backward(to_memory * i, g),
            sigmoid_backward(to_output * squashed, o),
        ]
        gates = torch.cat(parts, dim=1)
        return gates, gates, (torch.zeros_like(to_output), to_memory * f)


ContextCell: TypeAlias = ContextRNN | ContextGRU | ContextLSTM
