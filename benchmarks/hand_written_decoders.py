"""The model rnn_attention as anybody would write it: torch's cell in a loop, in which every step attends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

DECODERS = ("bahdanau", "luong", "luong_input_feeding")
SCORES = ("additive", "dot")


class HandWritten(nn.Module):
    def __init__(self, width: int, decoder: str, score: str) -> None:
        super().__init__()
        self.decoder = decoder
        self.encoder = nn.GRU(width, width // 2, bidirectional=True, batch_first=True)
        self.bridge = nn.Linear(width // 2, width)
        # Luong's cell does not need the context vector, so one call reads all queries.
        self.cell = nn.GRU(width, width, batch_first=True) if decoder == "luong" else nn.GRUCell(2 * width, width)
        self.output = nn.Linear(2 * width, width, bias=decoder == "bahdanau")
        self.additive = score == "additive"
        if self.additive:
            self.W, self.U = nn.Linear(width, width), nn.Linear(width, width, bias=False)
            self.v = nn.Linear(width, 1, bias=False)

    def forward(self, source: Tensor, query: Tensor) -> Tensor:
        annotations, _ = self.encoder(source)
        keys = self.U(annotations) if self.additive else annotations
        state = torch.tanh(self.bridge(annotations[:, 0, annotations.shape[2] // 2 :]))
        outputs: list[Tensor] = getattr(self, f"_{self.decoder}")(query, state, keys, annotations)
        return torch.stack(outputs, dim=1)

    def _bahdanau(self, query: Tensor, state: Tensor, keys: Tensor, annotations: Tensor) -> list[Tensor]:
        outputs = []
        for t in range(query.shape[1]):
            context = self._attend(state, keys, annotations)
            state = self.cell(torch.cat([query[:, t], context], dim=1), state)
            outputs.append(self.output(torch.cat([state, context], dim=1)))
        return outputs

    def _luong(self, query: Tensor, state: Tensor, keys: Tensor, annotations: Tensor) -> list[Tensor]:
        states, _ = self.cell(query, state[None])
        outputs = []
        for t in range(query.shape[1]):
            context = self._attend(states[:, t], keys, annotations)
            outputs.append(torch.tanh(self.output(torch.cat([context, states[:, t]], dim=1))))
        return outputs

    def _luong_input_feeding(self, query: Tensor, state: Tensor, keys: Tensor, annotations: Tensor) -> list[Tensor]:
        outputs, output = [], torch.zeros_like(state)
        for t in range(query.shape[1]):
            state = self.cell(torch.cat([query[:, t], output], dim=1), state)
            output = torch.tanh(self.output(torch.cat([self._attend(state, keys, annotations), state], dim=1)))
            outputs.append(output)
        return outputs

    def _attend(self, state: Tensor, keys: Tensor, annotations: Tensor) -> Tensor:
        if self.additive:
            scores = self.v(torch.tanh(self.W(state)[:, None] + keys)).squeeze(2)
        else:
            scores = torch.bmm(keys, state[:, :, None]).squeeze(2)
        return torch.bmm(scores.softmax(dim=1)[:, None], annotations).squeeze(1)
