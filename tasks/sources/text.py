"""Random languages whose distribution is known, and what the tasks on their texts share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor

from registry import Choice, Registered, Registry

from ..spaces import Bounds, Distribution, Tokens
from ..task import Batch, Part, Task


class TextSource(Registered, ABC):
    """A random language over `symbols` words: a probability distribution over the texts of each length.

    It is constructed as Source(symbols, language, **settings). `language` is the seed of a separate generator, so that
    the language does not depend on other random numbers. Evidence is soft: evidence[t, v] is the likelihood of the
    observation at position t if the word there is v, and 1 for all v if nothing was observed. Logarithms are natural,
    in float64.
    """

    symbols: int

    @abstractmethod
    def sample(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        """Sample `size` texts of exactly `length` words on the device of the generator."""

    @abstractmethod
    def log_likelihood(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b"]:
        """Return log sum over texts x of P(x | length n) prod_t evidence[t, x_t]."""

    @abstractmethod
    def next_word(self, text: Int[Tensor, "b n"]) -> Float[Tensor, "b n v"]:
        """Return log P(x_t = v | x_<t, length n) at each position t."""

    @abstractmethod
    def others(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b n v"]:
        """Return log P(x_t = v | evidence at all other positions)."""

    @abstractmethod
    def marginal(self, length: int) -> Float[Tensor, "n v"]:
        """Return P(x_t = v) without any evidence."""


SOURCES = Registry[TextSource]("text", "tasks.sources", positional=2)


class TextTask(Task):
    """A question about texts in one random language.

    Tasks with equal settings have the same vocabulary and the same special tokens, so that embeddings can be reused.
    """

    family = "text"

    def __init__(
        self, *, symbols: int = 32, text: Annotated[Choice, SOURCES] = "hidden_markov", language: int = 0
    ) -> None:
        if symbols < 2:
            raise ValueError(f"symbols is {symbols}, but must be at least 2")
        self.symbols = symbols
        self.distribution = SOURCES.build(text, symbols, language)
        self.mask, self.start, self.separator = range(symbols, symbols + 3)
        self.source_space = self.query_space = Tokens(symbols + 3, f"{SOURCES.spec(text).name} language {language}")
        self._ceilings: dict[int, float] = {}

    @abstractmethod
    def expected_score(self, batch: Batch) -> Float[Tensor, "b q"]:
        """Return the expected metric of the ideal reader, who knows the distribution of the texts, at each query."""

    def ceiling(self, length: int) -> float:
        """Return the expected metric of the ideal reader: the mean of its exact values on a fixed sample.

        There is no closed form (for hidden Markov models: Blackwell 1957). The sample grows until the standard error is
        below 1 % of the distance from chance, up to 16384 examples.
        """
        if length not in self._ceilings:
            self._ceilings[length] = self._mean_score(length, examples=256, most=16384)
        return self._ceilings[length]

    def words(self, part: Part) -> list[str]:
        return [*map(spell, range(self.symbols)), "[mask]", "[cls]", "[sep]"]

    def _mean_score(self, length: int, examples: int, most: int) -> float:
        own, chance = torch.Generator().manual_seed(length), self.chance(length)
        sums = torch.zeros(0, 2, dtype=torch.float64)
        while True:
            batch = self.sample(length, examples, own)
            scores = torch.where(batch.scored, self.expected_score(batch), 0.0).sum(1)
            sums = torch.cat([sums, torch.stack([scores, batch.scored.sum(1).double()], dim=1)])
            score, scored = (float(mean) for mean in sums.mean(0))
            if len(sums) >= most or _error(*sums.T) < 0.01 * abs(score / scored - chance):
                return score / scored


class LanguageModel(TextTask):
    """Predict words, scored by the cross-entropy in nats. Its floor is the conditional entropy of the language."""

    def __init__(
        self, *, symbols: int = 32, text: Annotated[Choice, SOURCES] = "hidden_markov", language: int = 0
    ) -> None:
        super().__init__(symbols=symbols, text=text, language=language)
        self.target_space = Distribution(symbols)

    @abstractmethod
    def log_probabilities(self, batch: Batch) -> Float[Tensor, "b q v"]:
        """Return the log-probability of each word at each query for the ideal reader, from source and query alone."""

    @abstractmethod
    def first(self, length: int) -> int:
        """Return the index of the word that the first query asks for; the next queries ask for the words after it."""

    def chance(self, length: int) -> float:
        """Return the entropy of a word for a predictor that knows the word frequencies and reads no word."""
        return float(torch.special.entr(self.distribution.marginal(length)[self.first(length) :]).sum(1).mean())

    def bounds(self, length: int, batches: Sequence[Batch]) -> Bounds:
        """Return the cross-entropies of the word frequencies and of the ideal reader on these examples.

        Both are of the same words, so their difference has a smaller error than each of them.
        """
        frequencies = self.distribution.marginal(length)[self.first(length) :].log()
        found = []
        for batch in map(with_doubles, batches):
            guessed = _losses(frequencies.to(batch.query.device).expand(len(batch), -1, -1), batch)
            found.append(torch.stack([guessed, _losses(self.log_probabilities(batch), batch), batch.scored.sum(1)]))
        by_frequency, by_reading, words = torch.cat(found, dim=1)
        chance, ceiling = (float(loss.sum() / words.sum()) for loss in (by_frequency, by_reading))
        return Bounds(chance, ceiling, _error(by_frequency - by_reading, words), chance, ceiling)

    def expected_score(self, batch: Batch) -> Float[Tensor, "b q"]:
        entropy: Tensor = torch.special.entr(self.log_probabilities(batch).exp()).sum(2)
        return entropy

    def answer(self, batch: Batch) -> Tensor:
        """Return the most probable words, which may be wrong."""
        words: Tensor = self.log_probabilities(with_doubles(batch)).argmax(2)
        return words.to(batch.query.device)

    def words(self, part: Part) -> list[str]:
        return super().words(part)[: self.symbols if part == "target" else None]


_SYLLABLES = ["".join(letters) for letters in product("bdfgklmnprstvz", "aeiou")]


def spell(number: int) -> str:
    """Return the invented word with this number: two syllables, and a number after them from the 4901st word on."""
    rest, first = divmod(number, len(_SYLLABLES))
    more, step = divmod(rest, len(_SYLLABLES))
    return _SYLLABLES[first] + _SYLLABLES[(27 * first + step + 31) % len(_SYLLABLES)] + (str(more) if more else "")


def _losses(log_probabilities: Float[Tensor, "b q v"], batch: Batch) -> Float[Tensor, "b"]:
    """Return the sum of the losses over the scored words of each text."""
    losses = -log_probabilities.gather(2, batch.target.unsqueeze(2)).squeeze(2)
    return losses.masked_fill(~batch.scored, 0.0).sum(1)


def _error(sums: Float[Tensor, "b"], words: Float[Tensor, "b"]) -> float:
    """Return the standard error of the mean over all words, given the sum of each text and its number of words.

    The words of one text are not independent, and the texts are.
    """
    if len(sums) < 2:
        return math.inf
    mean = sums.sum() / words.sum()
    return float((sums - mean * words).std() / words.mean() / len(sums) ** 0.5)


def with_doubles(batch: Batch) -> Batch:
    """Return the batch on a device that has float64; mps has none."""
    return batch.to(torch.device("cpu")) if batch.query.device.type == "mps" else batch
