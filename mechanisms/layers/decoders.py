"""The decoders of rnn_attention: when they attend, and how they use the context vector."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Choice, Registered, Registry

from ..alignments import AttentionHistory
from ..attention.attention import Attention
from ..attention.masks import Mask
from ..initialisation import xavier
from .context_cells import CellState
from .recurrent import CELLS, matrix_weights
from .unrolled import UnrolledBahdanau, UnrolledInputFeeding, unrolled, unrolls


@dataclass(frozen=True, eq=False)
class DecoderState:
    """The state of a decoder between two steps.

    `last_output` is None if the output is not fed back, and `history` is None if the alignment needs none. `steps` is
    the number of steps so far.
    """

    cell: CellState
    last_output: Tensor | None
    history: AttentionHistory | None
    steps: int


class Decoder(nn.Module, Registered, ABC):
    """Reads the queries one after another, and attends to the annotations of a source (its encoder states)."""

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__()
        self.attention = attention

    def begin(self, cell: CellState, keys: Float[Tensor, "b 1 k a"]) -> DecoderState:
        return DecoderState(cell, None, self.attention.begin(keys), 0)

    @abstractmethod
    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        """Return the outputs and the state after the last query."""

    def flops(self, query: int) -> int:
        """Return the operations without those of the attention, for this number of queries of one example."""
        own = [part for part in self.children() if part is not self.attention]
        return 2 * query * sum(matrix_weights(part) for part in own)


DECODERS = Registry[Decoder]("decoder", positional=3)


class StepwiseAttention:
    """Attends with one cell state after another, and keeps the weights if they are traced."""

    def __init__(self, attention: Attention, keys: Tensor, values: Tensor, state: DecoderState) -> None:
        self.attention, self.keys, self.values = attention, keys, values
        self.history, self.steps = state.history, state.steps
        self._weights: list[Tensor] = []

    def __call__(self, query: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        context, self.history = self.attention.next(
            query[:, None, None], self.keys, self.values, self.history, Mask(offset=self.steps)
        )
        self.steps += 1
        if self.attention.tracing and self.attention.weights is not None:
            self._weights.append(self.attention.weights)
        return context[:, 0, 0]

    def end(self, cell: CellState, last_output: Tensor | None = None) -> DecoderState:
        if self._weights:
            self.attention.weights = torch.cat(self._weights, dim=2)
        return DecoderState(cell, last_output, self.history, self.steps)


@DECODERS.register("bahdanau")
class Bahdanau(Decoder):
    """c_t = attend(s_{t-1});  s_t = cell([x_t; c_t], s_{t-1});  output W [s_t; c_t] + b

    The linear output and the readout after it take the place of the paper's deep output layer.

    Source: Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
    (arXiv 1409.0473), appendix A.2.2.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.cell = CELLS.build(cell).with_context(width)
        self.output = xavier(2 * width, width)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        if unrolls(self.attention):
            joined, last = unrolled(UnrolledBahdanau, self.cell, self.attention, query, keys, values, *state.cell)
            return self.output(joined.transpose(0, 1)), DecoderState(last, None, None, state.steps + query.shape[1])
        inputs, step = self.cell.bind(query)
        attend, cell = StepwiseAttention(self.attention, keys, values, state), state.cell
        states, contexts = [], []
        for x in inputs.unbind(1):
            context = attend(cell[0])
            cell = step(x, context, cell)
            states.append(cell[0])
            contexts.append(context)
        outputs: Tensor = self.output(torch.cat([torch.stack(states, 1), torch.stack(contexts, 1)], dim=2))
        return outputs, attend.end(cell)


@DECODERS.register("luong")
class Luong(Decoder):
    """s_t = cell(x_t, s_{t-1});  c_t = attend(s_t);  output tanh(W [c_t; s_t])

    Global attention without input feeding. No cell state depends on a context vector, so one call computes the states
    of all steps, and another one all context vectors, unless the alignment needs the weights of earlier steps.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), eq. 5.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.network = CELLS.build(cell).network(width, width)
        self.output = xavier(2 * width, width, bias=False)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        first = tuple(part[None] for part in state.cell)
        states, last = self.network(query, first if len(first) > 1 else first[0])
        cell = tuple(part[0] for part in (last if isinstance(last, tuple) else (last,)))
        if state.history is None:
            contexts = self.attention(states[:, None], keys, values, Mask(offset=state.steps))[:, 0]
            after = DecoderState(cell, None, None, state.steps + query.shape[1])
        else:
            attend = StepwiseAttention(self.attention, keys, values, state)
            contexts = torch.stack([attend(s) for s in states.unbind(1)], dim=1)
            after = attend.end(cell)
        outputs: Tensor = self.output(torch.cat([contexts, states], dim=2)).tanh()
        return outputs, after


@DECODERS.register("luong_input_feeding")
class LuongInputFeeding(Decoder):
    """s_t = cell([x_t; h̃_{t-1}], s_{t-1});  c_t = attend(s_t);  output h̃_t = tanh(W [c_t; s_t])

    Input feeding: the last output is part of the input, so the decoder knows its earlier alignments.

    Source: Luong, Pham, Manning 2015, "Effective approaches to attention-based neural machine translation"
    (arXiv 1508.04025), section 3.3.
    """

    def __init__(self, cell: Choice, width: int, attention: Attention) -> None:
        super().__init__(cell, width, attention)
        self.cell = CELLS.build(cell).with_context(width)
        self.output = xavier(2 * width, width, bias=False)

    def begin(self, cell: CellState, keys: Float[Tensor, "b 1 k a"]) -> DecoderState:
        return DecoderState(cell, torch.zeros_like(cell[0]), self.attention.begin(keys), 0)

    def forward(
        self,
        query: Float[Tensor, "b q d"],
        state: DecoderState,
        keys: Float[Tensor, "b 1 k a"],
        values: Float[Tensor, "b 1 k d"],
    ) -> tuple[Float[Tensor, "b q d"], DecoderState]:
        if unrolls(self.attention):
            assert state.last_output is not None
            rest = self.output.weight.t(), state.last_output, *state.cell
            fed, last = unrolled(UnrolledInputFeeding, self.cell, self.attention, query, keys, values, *rest)
            return fed.transpose(0, 1), DecoderState(last, fed[-1], None, state.steps + query.shape[1])
        inputs, step = self.cell.bind(query)
        attend, cell, output = StepwiseAttention(self.attention, keys, values, state), state.cell, state.last_output
        assert output is not None
        outputs = []
        for x in inputs.unbind(1):
            cell = step(x, output, cell)
            output = self.output(torch.cat([attend(cell[0]), cell[0]], dim=1)).tanh()
            outputs.append(output)
        return torch.stack(outputs, dim=1), attend.end(cell, output)
