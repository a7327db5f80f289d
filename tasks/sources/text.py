"""Random languages whose law is known, and what the tasks on their texts share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import product
from typing import Annotated

import torch
from jaxtyping import Float, Int
from torch import Tensor

from registry import Choice, Registered, Registry

from ..task import Batch, Distribution, Part, Task, Tokens


class TextSource(Registered, ABC):
    """A random language over `symbols` words: a probability for every text of exactly n words.

    Constructed as Source(symbols, language, **settings): `language` numbers the random grammars, and seeds a generator
    of its own, so that a language is the same whatever else is drawn. Evidence is soft: evidence[t, v] is how well word
    v at position t agrees with what was seen there; ones say that nothing was. All logarithms are natural, in float64.
    """

    symbols: int

    @abstractmethod
    def sample(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        """Draw `size` texts of exactly `length` words on the generator's device."""

    @abstractmethod
    def log_likelihood(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b"]:
        """Return log sum over texts x of P(x | length n) prod_t evidence[t, x_t]."""

    @abstractmethod
    def next_word(self, text: Int[Tensor, "b n"]) -> Float[Tensor, "b n v"]:
        """Return log P(x_t = v | x_<t, length n) at each position t."""

    @abstractmethod
    def others(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b n v"]:
        """Return log P(x_t = v | evidence at all other positions): what is known of a word without looking at it."""

    @abstractmethod
    def marginal(self, length: int) -> Float[Tensor, "n v"]:
        """Return P(x_t = v) for one who has read nothing."""


SOURCES = Registry[TextSource]("text", "tasks.sources", positional=2)


class TextTask(Task):
    """A question about texts of one random language.

    Tasks of equal settings share one vocabulary, marks included, so that embeddings learned on one serve another.
    """

    family = "text"

    def __init__(
        self, *, symbols: int = 32, text: Annotated[Choice, SOURCES] = "hidden_markov", language: int = 0
    ) -> None:
        if symbols < 2:
            raise ValueError(f"symbols is {symbols}, but a language needs at least 2 words")
        self.symbols = symbols
        self.law = SOURCES.build(text, symbols, language)
        self.mask, self.start, self.separator = range(symbols, symbols + 3)
        self.source_space = self.query_space = Tokens(symbols + 3, f"{SOURCES.spec(text).name} language {language}")
        self._ceilings: dict[int, float] = {}

    @abstractmethod
    def expected_score(self, batch: Batch) -> Float[Tensor, "b q"]:
        """Return the expected metric at each query of the ideal reader, who knows the law, source and query."""

    def ceiling(self, length: int) -> float:
        """Return the ideal reader's expected metric: the mean of its exact value of each example of a fixed sample.

        There is no closed form (Blackwell 1957 for hidden Markov models). The sample is as large as it takes for the
        standard error to fall below 1 % of the distance from chance, 16384 examples at most.
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
            error = float((sums[:, 0] - score / scored * sums[:, 1]).std()) / scored / len(sums) ** 0.5
            if len(sums) >= most or error < 0.01 * abs(score / scored - chance):
                return score / scored


class LanguageModel(TextTask):
    """Predicts words; scored by the cross-entropy in nats, whose floor is the conditional entropy of the language."""

    def __init__(
        self, *, symbols: int = 32, text: Annotated[Choice, SOURCES] = "hidden_markov", language: int = 0
    ) -> None:
        super().__init__(symbols=symbols, text=text, language=language)
        self.target_space = Distribution(symbols)

    @abstractmethod
    def log_probabilities(self, batch: Batch) -> Float[Tensor, "b q v"]:
        """Return the ideal reader's log-probability of each word at each query, from source and query alone."""

    @abstractmethod
    def first(self, length: int) -> int:
        """Return which word of the text the first query asks for; the next ones ask for the words after it."""

    def chance(self, length: int) -> float:
        """Return the entropy of a word for one who knows how frequent words are and has read none, queries included."""
        return float(torch.special.entr(self.law.marginal(length)[self.first(length) :]).sum(1).mean())

    def bounds(self, length: int, batches: Sequence[Batch]) -> tuple[float, float]:
        """Return the cross-entropies, on these very examples, of the words' frequencies and of the ideal reader."""
        frequencies = self.law.marginal(length)[self.first(length) :].log()
        chance, ceiling = [], []
        for batch in map(with_doubles, batches):
            chance.append(_losses(frequencies.to(batch.query.device).expand(len(batch), -1, -1), batch))
            ceiling.append(_losses(self.log_probabilities(batch), batch))
        return float(torch.cat(chance).mean()), float(torch.cat(ceiling).mean())

    def expected_score(self, batch: Batch) -> Float[Tensor, "b q"]:
        entropy: Tensor = torch.special.entr(self.log_probabilities(batch).exp()).sum(2)
        return entropy

    def answer(self, batch: Batch) -> Tensor:
        """Return the most probable words; that they are right is not certain, so their accuracy is no ceiling."""
        words: Tensor = self.log_probabilities(with_doubles(batch)).argmax(2)
        return words.to(batch.query.device)

    def words(self, part: Part) -> list[str]:
        return super().words(part)[: self.symbols if part == "target" else None]


_SYLLABLES = ["".join(letters) for letters in product("bdfgklmnprstvz", "aeiou")]


def spell(number: int) -> str:
    """Return the made-up word of this number: two syllables, and a number from the 4901st on."""
    rest, first = divmod(number, len(_SYLLABLES))
    more, step = divmod(rest, len(_SYLLABLES))
    return _SYLLABLES[first] + _SYLLABLES[(27 * first + step + 31) % len(_SYLLABLES)] + (str(more) if more else "")


def _losses(log_probabilities: Float[Tensor, "b q v"], batch: Batch) -> Float[Tensor, "n"]:
    return -log_probabilities.gather(2, batch.target.unsqueeze(2)).squeeze(2)[batch.scored]


def with_doubles(batch: Batch) -> Batch:
    """Return the batch where float64 exists, which it does not on Apple's device."""
    return batch.to(torch.device("cpu")) if batch.query.device.type == "mps" else batch
