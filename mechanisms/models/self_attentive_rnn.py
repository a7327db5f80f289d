from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from registry import Choice

from ..alignments import ALIGNMENTS
from ..attention.attention import Attention
from ..attention.masks import Mask
from ..attention.state import State
from ..initialisation import xavier
from ..layers.recurrent import CELLS, matrix_weights
from ..normalizers import NORMALIZERS
from ..positions import POSITIONS
from .model import MODELS, SequenceModel


@dataclass(frozen=True, eq=False)
class Tape:
    """The states so far, as projected keys and as values, and the last summary h̃."""

    keys: Float[Tensor, "b 1 t a"]
    values: Float[Tensor, "b 1 t m"]
    summary: Float[Tensor, "b d"]


@MODELS.register("self_attentive_rnn")
class SelfAttentiveRNN(SequenceModel):
    """[h̃_t; c̃_t] = Σ_{i<t} a_ti [h_i; c_i],  a_t = normalised e(W [x_t; h̃_{t-1}], h_i);
    h_t, c_t = cell(x_t, h̃_t, c̃_t)

    In place of its last state, the cell reads a weighted sum of all its earlier states, which the paper keeps on a
    tape. In the paper the score is additive and the cell an LSTM; here any alignment and any cell can be chosen.

    Source: Cheng, Dong, Lapata 2016, "Long short-term memory-networks for machine reading" (arXiv 1601.06733).
    """

    causal_only = True
    family = "attention RNN"
    state_grows = True
    complexity = "n²·d + n·d² work; n sequential steps"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        cell: Annotated[Choice, CELLS] = "lstm",
        alignment: Annotated[Choice, ALIGNMENTS] = "additive",
        normalizer: Annotated[Choice, NORMALIZERS] = "softmax",
        position: Annotated[Choice, POSITIONS] = "none",
    ) -> None:
        super().__init__(width, causal=causal)
        cells = CELLS.build(cell)
        self.cell = cells.single(width)
        self.states = cells.states
        self.W_x = xavier(width, width, bias=False)
        self.W_h = xavier(width, width, bias=False)
        self.position = POSITIONS.build(position, width, 1, True)
        scorer = ALIGNMENTS.build(alignment, 1, width, width)
        self.attention = Attention(scorer, NORMALIZERS.build(normalizer), self.position)

    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        outputs, _ = self._read(torch.cat([source, query], dim=1), None, source.shape[1])
        return outputs[:, source.shape[1] :]

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        return self._read(source, None)[1] if source.shape[1] else None

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        outputs, state = self._read(query[:, None], state)
        return outputs[:, 0], state

    def _read(
        self, x: Float[Tensor, "b n d"], tape: Tape | None, source: int = 0
    ) -> tuple[Float[Tensor, "b n d"], Tape | None]:
        """Read x after what is on the tape. The traced weights are those of the positions from `source` on."""
        first = 0 if tape is None else tape.keys.shape[2]
        x, last = self.position.embed_from(x, first), first + x.shape[1]
        outputs, weights, queries = [], [], self.W_x(x)
        for x_t, query in zip(x.unbind(1), queries.unbind(1), strict=True):
            before = self._summary(x_t, query, tape)
            after = self.cell(x_t, before if self.states > 1 else before[0])
            tape = self._extended(tape, after if isinstance(after, tuple) else (after,), before[0])
            outputs.append(tape.values[:, 0, -1, : self.width])
            if self.attention.tracing and self.attention.weights is not None:
                weights.append(F.pad(self.attention.weights, (0, last - self.attention.weights.shape[3])))
        if weights:
            self.attention.weights = torch.cat(weights, dim=2)[:, :, source:]
        return torch.stack(outputs, dim=1), tape

    def _summary(self, x: Float[Tensor, "b d"], query: Float[Tensor, "b d"], tape: Tape | None) -> tuple[Tensor, ...]:
        """Return h̃_t, and c̃_t if the cell has one; `query` is the part of the query that comes from x."""
        if tape is None:
            if self.attention.tracing:
                self.attention.weights = x.new_zeros(len(x), 1, 1, 0)  # there are no earlier states
            return (torch.zeros_like(x),) * self.states
        query = query + self.W_h(tape.summary)
        mask = Mask(offset=tape.keys.shape[2])
        context = self.attention(query[:, None, None], tape.keys, tape.values, mask)[:, 0, 0]
        return context.chunk(self.states, dim=1)  # type: ignore[no-any-return]

    def _extended(self, tape: Tape | None, state: tuple[Tensor, ...], summary: Float[Tensor, "b d"]) -> Tape:
        value = torch.cat(state, dim=1)[:, None, None]
        key = self.attention.project_keys(state[0][:, None, None], 0 if tape is None else tape.keys.shape[2])
        if tape is None:
            return Tape(key, value, summary)
        return Tape(torch.cat([tape.keys, key], dim=2), torch.cat([tape.values, value], dim=2), summary)

    def flops(self, source: int, query: int) -> int:
        n = source + query
        scorer = self.attention.alignment
        # Every position projects one key and one query, and is scored against the earlier keys that it may see.
        reach = n if scorer.window is None else min(n, scorer.window)
        pairs = n * reach - reach * (reach + 1) // 2
        scores = scorer.flops(n, n) - scorer.heads * (n * n - pairs) * scorer.pair_flops
        maps = matrix_weights(self.cell) + self.W_x.weight.numel() + self.W_h.weight.numel()
        return 2 * n * maps + scores + 2 * pairs * self.states * self.width
