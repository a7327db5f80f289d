"""Language: predict each word from all words before it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.text import LanguageModel
from .task import TASKS, Batch


@TASKS.register("language")
class Language(LanguageModel):
    """Predict each word in the second half of a text of `length` words from all words before it.

    It measures local statistics first: the five words before each tell more than half of what can be known.

    With symbols=8 and length=6 ([cls] is the first query of every text):

        source  deso deso buzu
        query   [cls] buzu buzu
        answer  buzu  buzu deso

    The text is sampled from a random hidden Markov model or a random probabilistic context-free grammar (`text`);
    `language` is its seed. The metric is the cross-entropy in nats. Its floor, the entropy of a word given all words
    before it, is computed exactly, word by word, with the forward or the inside algorithm (Rabiner 1989; Lari & Young
    1990). Chance is the cross-entropy of the word frequencies. This is causal language modelling, except that the first
    half of the text is not scored: an encoder needs a source.

    Source: Radford et al. 2018, "Improving language understanding by generative pre-training".
    """

    leaks = True

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but must be at least 2: one word to read and one to predict")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        text, first = self.distribution.sample(length, size, generator), self.first(length)
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
        unknown = torch.zeros_like(batch.query[:, :1])  # in place of the last word, which precedes no other
        text = torch.cat([batch.source, batch.query[:, 1:], unknown], dim=1)
        return self.distribution.next_word(text)[:, batch.source.shape[1] :]
