"""h = bidirectional encoder(x);  s_0 = tanh(W_s ←h_1);  a decoder that reads Σ_i a_ti h_i, a_t = normalised e(s, h_i)

Bahdanau, Cho, Bengio 2014, "Neural machine translation by jointly learning to align and translate"
(arXiv 1409.0473), appendix A; Luong, Pham, Manning 2015 (arXiv 1508.04025). See `readings` for the two.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from registry import nearest

from ..alignments import ALIGNMENTS
from ..attention import Attention
from ..build import Choice, build
from ..multi_head import xavier
from ..normalizers import NORMALIZERS
from .cells import CellState
from .model import MODELS, SequenceModel, State, require_source
from .readings import READINGS
from .recurrent import recurrent


@dataclass(frozen=True)
class Decoding:
    """The source's keys and values, projected once, and the decoder's state."""

    keys: Tensor
    values: Tensor
    state: CellState


@MODELS.register("rnn_attention")
class RNNAttention(SequenceModel):
    causal_only = True

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        cell: str = "gru",
        alignment: Choice = "additive",
        normalizer: Choice = "softmax",
        reading: str = "bahdanau",
    ) -> None:
        super().__init__(width, causal=causal)
        if width % 2:
            raise ValueError(f"the bidirectional encoder takes half the width in each direction, and {width} is odd")
        if reading not in READINGS:
            raise ValueError(f"unknown reading '{reading}'.{nearest(reading, READINGS)}")
        # Half the width each way, so that annotations are as wide as states, and alignments like dot apply.
        self.encoder = recurrent(cell, width, width // 2, bidirectional=True)
        self.states = 2 if cell == "lstm" else 1
        self.W_s = xavier(width // 2, self.states * width)
        attention = Attention(build(ALIGNMENTS, alignment, 1, width, width), build(NORMALIZERS, normalizer))
        self.reading = READINGS[reading](cell, width, attention)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        start = self._encode(source)
        outputs: Tensor
        outputs, _ = self.reading(query, start.state, start.keys, start.values)
        return outputs

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        return self._encode(source)

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        outputs, after = self.reading(query[:, None], state.state, state.keys, state.values)
        return outputs[:, 0], Decoding(state.keys, state.values, after)

    def _encode(self, source: Float[Tensor, "b s d"]) -> Decoding:
        require_source(self, source)
        annotations, _ = self.encoder(source)
        values = annotations[:, None]
        keys = self.reading.attention.project_keys(values)
        # The backward direction ends at the first position.
        backward = annotations[:, 0, self.width // 2 :]
        return Decoding(keys, values, self.W_s(backward).tanh().chunk(self.states, dim=1))
