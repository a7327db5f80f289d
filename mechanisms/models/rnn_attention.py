"""h = bidirectional encoder(x);  s_0 = tanh(W_s ←h_1);  a decoder that reads Σ_i a_ti h_i, a_t = normalised e(s, h_i)

Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
(arXiv 1409.0473), appendix A; Luong, Pham, Manning 2015 (arXiv 1508.04025). See `layers/decoders.py` for the two.
"""

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from registry import Choice

from ..alignments import ALIGNMENTS
from ..attention.attention import Attention
from ..attention.state import State
from ..initialisation import xavier
from ..layers.decoders import DECODERS, DecoderState
from ..layers.recurrent import CELLS, matrix_weights
from ..normalizers import NORMALIZERS
from ..positions import POSITIONS
from .model import MODELS, SequenceModel, require_source


@dataclass(frozen=True)
class Decoding:
    """The source's keys and values, projected once, and what the decoder carries on."""

    keys: Tensor
    values: Tensor
    carried: DecoderState


@MODELS.register("rnn_attention")
class RNNAttention(SequenceModel):
    causal_only = True
    passes_history = True
    family = "attention RNN"
    state_grows = True
    complexity = "n·d² + n²·d work; n sequential steps"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        cell: Annotated[Choice, CELLS] = "gru",
        alignment: Annotated[Choice, ALIGNMENTS] = "additive",
        normalizer: Annotated[Choice, NORMALIZERS] = "softmax",
        position: Annotated[Choice, POSITIONS] = "none",
        reading: Annotated[Choice, DECODERS] = "bahdanau",
    ) -> None:
        super().__init__(width, causal=causal)
        if width % 2:
            raise ValueError(f"the bidirectional encoder takes half the width in each direction, and {width} is odd")
        kind = CELLS.build(cell)
        # Half the width each way, so that annotations are as wide as states, and alignments like dot apply.
        self.encoder = kind.network(width, width // 2, bidirectional=True)
        self.states = kind.states
        self.W_s = xavier(width // 2, self.states * width)
        # The two sequences stand side by side: a source position may lie before or behind that of a query.
        self.position = POSITIONS.build(position, width, 1, False)
        scorer = ALIGNMENTS.build(alignment, 1, width, width)
        attention = Attention(scorer, NORMALIZERS.build(normalizer), self.position)
        self.reading = DECODERS.build(reading, cell, width, attention)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        return self._decode(query, self.start(source))[0]

    def start(self, source: Float[Tensor, "b s d"]) -> Decoding:
        require_source(self, source)
        annotations, _ = self.encoder(self.position.mark(source))
        values = annotations[:, None]
        keys = self.reading.attention.project_keys(values)
        # The backward direction ends at the first position.
        backward = annotations[:, 0, self.width // 2 :]
        state = self.W_s(backward).tanh().chunk(self.states, dim=1)
        return Decoding(keys, values, self.reading.begin(state, keys))

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        outputs, state = self._decode(query[:, None], state)
        return outputs[:, 0], state

    def _decode(self, query: Float[Tensor, "b q d"], state: Decoding) -> tuple[Float[Tensor, "b q d"], Decoding]:
        marked = self.position.mark(query, state.carried.time)
        outputs, carried = self.reading(marked, state.carried, state.keys, state.values)
        return outputs, Decoding(state.keys, state.values, carried)

    def flops(self, source: int, query: int) -> int:
        attention = self.reading.attention.alignment.flops(query, source) + 2 * query * source * self.width
        start = 2 * source * matrix_weights(self.encoder) + 2 * self.W_s.weight.numel()
        return start + attention + self.reading.flops(query)
