from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

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
class RNNAttentionState:
    """The keys and values of the source, projected once, and the state of the decoder."""

    keys: Tensor
    values: Tensor
    decoder: DecoderState


@MODELS.register("rnn_attention")
class RNNAttention(SequenceModel):
    """h = bidirectional encoder(x);  s_0 = tanh(W_s ←h_1);  a decoder with c = Σ_i a_i h_i, a = normalised e(s, h_i)

    The encoder states h_i are the annotations, and `decoder` says when the decoder attends and how it uses the context
    vector c: `bahdanau` attends with the state before it reads the query, `luong` and `luong_input_feeding` with the
    state after it (Luong, Pham, Manning 2015, arXiv 1508.04025, whose encoder is not bidirectional: its annotations are
    the states of the top layer of an LSTM).

    Source: Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
    (arXiv 1409.0473), appendix A.
    """

    renamed: ClassVar[Mapping[str, str]] = {"reading": "decoder"}
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
        decoder: Annotated[Choice, DECODERS] = "bahdanau",
    ) -> None:
        super().__init__(width, causal=causal)
        if width % 2:
            raise ValueError(f"the bidirectional encoder needs half the width in each direction, and {width} is odd")
        cells = CELLS.build(cell)
        # Half the width in each direction: alignments like dot need annotations and states of the same width.
        self.encoder = cells.network(width, width // 2, bidirectional=True)
        self.states = cells.states
        self.W_s = xavier(width // 2, self.states * width)
        # Query t has position t, as source position t has: so a source position may be before or after a query.
        self.position = POSITIONS.build(position, width, 1, False)
        scorer = ALIGNMENTS.build(alignment, 1, width, width)
        attention = Attention(scorer, NORMALIZERS.build(normalizer), self.position)
        self.decoder = DECODERS.build(decoder, cell, width, attention)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        return self._decode(query, self.start(source))[0]

    def start(self, source: Float[Tensor, "b s d"]) -> RNNAttentionState:
        require_source(self, source)
        annotations, _ = self.encoder(self.position.embed_from(source))
        values = annotations[:, None]
        keys = self.decoder.attention.project_keys(values)
        # The backward direction ends at the first position.
        backward = annotations[:, 0, self.width // 2 :]
        state = self.W_s(backward).tanh().chunk(self.states, dim=1)
        return RNNAttentionState(keys, values, self.decoder.begin(state, keys))

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        outputs, state = self._decode(query[:, None], state)
        return outputs[:, 0], state

    def _decode(
        self, query: Float[Tensor, "b q d"], state: RNNAttentionState
    ) -> tuple[Float[Tensor, "b q d"], RNNAttentionState]:
        embedded = self.position.embed_from(query, state.decoder.steps)
        outputs, after = self.decoder(embedded, state.decoder, state.keys, state.values)
        return outputs, RNNAttentionState(state.keys, state.values, after)

    def flops(self, source: int, query: int) -> int:
        attention = self.decoder.attention
        scored = attention.score_flops(query, source) + 2 * query * attention.reach(source) * self.width
        start = 2 * source * matrix_weights(self.encoder) + 2 * self.W_s.weight.numel()
        return start + scored + self.decoder.flops(query)
