"""When a recurrent decoder looks back, and what becomes of what it reads."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..attention import Attention
from ..multi_head import xavier
from .cells import CellState, context_cell
from .recurrent import recurrent


class Reading(nn.Module, ABC):
    """A decoder over the queries that reads a source's annotations through `attention`."""

    def __init__(self, cell: str, width: int, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    @abstractmethod
    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: CellState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], CellState]:
        """Return the outputs and the last state."""


class Bahdanau(Reading):
    """c_t = attend(s_{t-1});  s_t = cell([x_t; c_t], s_{t-1});  output W [s_t; c_t] + b

    Bahdanau, Cho, Bengio 2014 (arXiv 1409.0473), appendix A.2.2. The linear output stands for the paper's deep
    output layer, together with the readout behind it.
    """

    def __init__(self, cell: str, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.cell = context_cell(cell, width)
        self.output = xavier(2 * width, width)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: CellState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], CellState]:
        inputs, step = self.cell.bind(query)
        states, contexts, weights = [], [], []
        for x in inputs.unbind(1):
            context = self.attention(state[0][:, None, None], keys, values)[:, 0, 0]
            state = step(x, context, state)
            states.append(state[0])
            contexts.append(context)
            if self.attention.weights is not None and self.attention.tracing:
                weights.append(self.attention.weights)
        if weights:
            self.attention.weights = torch.cat(weights, dim=2)
        outputs: Tensor = self.output(torch.cat([torch.stack(states, 1), torch.stack(contexts, 1)], dim=2))
        return outputs, state


class Luong(Reading):
    """s_t = cell(x_t, s_{t-1});  c_t = attend(s_t);  output tanh(W [c_t; s_t])

    Luong, Pham, Manning 2015 (arXiv 1508.04025), eq. 5, global attention without input feeding. No state depends
    on a context, so the states of all steps come from one fused call, and so do the contexts.
    """

    def __init__(self, cell: str, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.decoder = recurrent(cell, width, width)
        self.output = xavier(2 * width, width, bias=False)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: CellState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], CellState]:
        first = tuple(part[None] for part in state)
        states, last = self.decoder(query, first if len(first) > 1 else first[0])
        contexts = self.attention(states[:, None], keys, values)[:, 0]
        outputs: Tensor = self.output(torch.cat([contexts, states], dim=2)).tanh()
        return outputs, tuple(part[0] for part in (last if isinstance(last, tuple) else (last,)))


READINGS: dict[str, type[Reading]] = {"bahdanau": Bahdanau, "luong": Luong}
