"""When a recurrent decoder looks back, and what becomes of what it reads."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice, Registered, Registry

from ..alignments import History
from ..attention.attention import Attention
from ..attention.masks import Mask
from ..initialisation import xavier
from .context_cells import CellState
from .recurrent import CELLS, matrix_weights


@dataclass(frozen=True, eq=False)
class DecoderState:
    """What a decoder carries from step to step: its cell's state, its last output where it is fed back, what its
    attention has looked at, where that matters, and how many steps there were."""

    cell: CellState
    fed: Tensor | None
    history: History | None
    time: int


class Decoder(nn.Module, Registered, ABC):
    """Answers the queries one after another, and reads a source's annotations through `attention`."""

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def begin(self, state: CellState, keys: Float[Tensor, "b 1 k a"]) -> DecoderState:
        return DecoderState(state, None, self.attention.begin(keys), 0)

    @abstractmethod
    def forward(
        self,
        query: Float[Tensor, "b q d"],
        carried: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        """Return the outputs, and what to go on from."""

    def flops(self, query: int) -> int:
        """Return the operations beside those of the attention, for so many queries of one row."""
        own = [part for part in self.children() if part is not self.attention]
        return 2 * query * sum(matrix_weights(part) for part in own)


DECODERS = Registry[Decoder]("decoder", positional=3)


class StepwiseAttention:
    """Attends for one decoder state after another, and keeps the weights where they are traced."""

    def __init__(self, attention: Attention, keys: Tensor, values: Tensor, carried: DecoderState) -> None:
        self.attention, self.keys, self.values = attention, keys, values
        self.history, self.time = carried.history, carried.time
        self._weights: list[Tensor] = []

    def __call__(self, state: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        context, self.history = self.attention.next(
            state[:, None, None], self.keys, self.values, self.history, Mask(offset=self.time)
        )
        self.time += 1
        if self.attention.tracing and self.attention.weights is not None:
            self._weights.append(self.attention.weights)
        return context[:, 0, 0]

    def end(self, state: CellState, fed: Tensor | None = None) -> DecoderState:
        if self._weights:
            self.attention.weights = torch.cat(self._weights, dim=2)
        return DecoderState(state, fed, self.history, self.time)


@DECODERS.register("bahdanau")
class Bahdanau(Decoder):
    """c_t = attend(s_{t-1});  s_t = cell([x_t; c_t], s_{t-1});  output W [s_t; c_t] + b

    Bahdanau, Cho, Bengio 2014 (arXiv 1409.0473), appendix A.2.2. The linear output stands for the paper's deep
    output layer, together with the readout behind it.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.cell = CELLS.build(cell).with_context(width)
        self.output = xavier(2 * width, width)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        carried: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        inputs, step = self.cell.bind(query)
        attend, state = StepwiseAttention(self.attention, keys, values, carried), carried.cell
        states, contexts = [], []
        for x in inputs.unbind(1):
            context = attend(state[0])
            state = step(x, context, state)
            states.append(state[0])
            contexts.append(context)
        outputs: Tensor = self.output(torch.cat([torch.stack(states, 1), torch.stack(contexts, 1)], dim=2))
        return outputs, attend.end(state)


@DECODERS.register("luong")
class Luong(Decoder):
    """s_t = cell(x_t, s_{t-1});  c_t = attend(s_t);  output tanh(W [c_t; s_t])

    Luong, Pham, Manning 2015 (arXiv 1508.04025), eq. 5, global attention without input feeding. No state depends
    on a context, so the states of all steps come from one fused call, and so do the contexts, unless the
    alignment looks at earlier weights.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.decoder = CELLS.build(cell).network(width, width)
        self.output = xavier(2 * width, width, bias=False)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        carried: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        first = tuple(part[None] for part in carried.cell)
        states, last = self.decoder(query, first if len(first) > 1 else first[0])
        state = tuple(part[0] for part in (last if isinstance(last, tuple) else (last,)))
        if carried.history is None:
            contexts = self.attention(states[:, None], keys, values, Mask(offset=carried.time))[:, 0]
            after = DecoderState(state, None, None, carried.time + query.shape[1])
        else:
            attend = StepwiseAttention(self.attention, keys, values, carried)
            contexts = torch.stack([attend(s) for s in states.unbind(1)], dim=1)
            after = attend.end(state)
        outputs: Tensor = self.output(torch.cat([contexts, states], dim=2)).tanh()
        return outputs, after


@DECODERS.register("luong_input_feeding")
class LuongInputFeeding(Decoder):
    """s_t = cell([x_t; h̃_{t-1}], s_{t-1});  c_t = attend(s_t);  output h̃_t = tanh(W [c_t; s_t])

    Luong, Pham, Manning 2015 (arXiv 1508.04025), section 3.3: the decoder is told what it has looked at.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.cell = CELLS.build(cell).with_context(width)
        self.output = xavier(2 * width, width, bias=False)

    def begin(self, state: CellState, keys: Float[Tensor, "b 1 k a"]) -> DecoderState:
        return DecoderState(state, torch.zeros_like(state[0]), self.attention.begin(keys), 0)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        carried: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        inputs, step = self.cell.bind(query)
        attend, state, fed = StepwiseAttention(self.attention, keys, values, carried), carried.cell, carried.fed
        assert fed is not None
        outputs = []
        for x in inputs.unbind(1):
            state = step(x, fed, state)
            fed = self.output(torch.cat([attend(state[0]), state[0]], dim=1)).tanh()
            outputs.append(fed)
        return torch.stack(outputs, dim=1), attend.end(state, fed)
