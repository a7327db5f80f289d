"""Language: predict each word from all words before it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.text import LanguageModel
from .task import TASKS, Batch


@TASKS.register("language")
class Language(LanguageModel):
    """The words of the second half of a text, of `length` words in all, each from all words before it.

    With symbols=8 and length=6 (8 is [mask], 9 [cls], 10 [sep]):

        source  6 6 4
        query   9 4 4
        answer  4 4 6

    The text is of a random hidden Markov model or probabilistic context-free grammar (`text`, numbered by `language`).
    The metric is the cross-entropy in nats. Its floor, the entropy of a word given all words before it, is computed
    exactly, word by word, by the forward or the inside algorithm (Rabiner 1989; Lari & Young 1990). Chance is the
    cross-entropy of the words' frequencies. As a causal language model of a whole text, but for its first half, which
    is not scored, so that an encoder has something to read.

    Source: Radford et al. 2018, "Improving language understanding by generative pre-training".
    """

    leaks = True

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but language needs a word to read and one to predict")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        text, first = self.law.sample(length, size, generator), self.first(length)
        target = text[:, first:]
        return Batch(
            source=text[:, :first],
            query=torch.cat([torch.full_like(target[:, :1], self.start), target[:, :-1]], dim=1),
            target=target,
            scored=torch.ones_like(target, dtype=torch.bool),
        )

    def first(self, length: int) -> int:
        return length // 2

    def log_probabilities(self, batch: Batch) -> Float[Tensor, "b q v"]:
        unknown = torch.zeros_like(batch.query[:, :1])  # the last word, which is before none
        text = torch.cat([batch.source, batch.query[:, 1:], unknown], dim=1)
        return self.law.next_word(text)[:, batch.source.shape[1] :]
