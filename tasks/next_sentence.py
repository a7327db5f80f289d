"""Next sentence: does the second half of a text continue the first?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from registry import Choice

from .sources.text import SOURCES, TextTask, with_doubles
from .spaces import Bounds, Classes
from .task import TASKS, Batch, Part, uniform


@TASKS.register("next_sentence")
class NextSentence(TextTask):
    """Two halves of texts of `length` words: is the second half the continuation of the first?

    It measures local statistics first: the last word of the first half and the first word of the second tell a third of
    what can be known.

    With symbols=8 and length=6:

        source  difa deso biga [sep] dale bame dale
        query   [cls]
        answer  yes

    With probability 1/2 the second half is the continuation, otherwise the second half of another text, so that neither
    half alone contains information about the answer; in BERT it is any other sentence. The oracle is the Bayes
    classifier, from the exact probabilities of the two halves as one text and as two. It is sometimes wrong, as the
    second half of another text may fit: the ceiling is its expected accuracy. Languages and vocabulary are those of
    `language`, so that a mechanism that is pre-trained there keeps its embeddings.

    Source: Devlin et al. 2018, "BERT" (arXiv 1810.04805), section 3.1.
    """

    def __init__(
        self, *, symbols: int = 32, text: Annotated[Choice, SOURCES] = "hidden_markov", language: int = 0
    ) -> None:
        super().__init__(symbols=symbols, text=text, language=language)
        self.target_space = Classes(2)

    def check_length(self, length: int) -> None:
        if length < 2 or length % 2:
            raise ValueError(
                f"length is {length}, but must be even and at least 2, for two halves with at least one word each"
            )

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        text, other = self.distribution.sample(length, 2 * size, generator).chunk(2)
        follows = torch.randint(2, (size, 1), generator=generator, device=generator.device)
        half = length // 2
        second = torch.where(follows.bool(), text[:, half:], other[:, half:])
        return Batch(
            source=torch.cat([text[:, :half], torch.full_like(follows, self.separator), second], dim=1),
            query=torch.full_like(follows, self.start),
            target=follows,
            scored=torch.ones_like(follows, dtype=torch.bool),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(2)

    def bounds(self, length: int, batches: Sequence[Batch]) -> Bounds:
        """Return the bounds with those of the Bayes classifier on the sources of these examples."""
        right = torch.cat([self.expected_score(with_doubles(batch)) for batch in batches])
        bounds = Bounds(
            self.chance(length),
            float(right.mean()),
            chance_entropy=self.chance_entropy(length),
            ceiling_entropy=float(_binary_entropy(right).mean()),
        )
        return self.with_error(bounds, batches)

    def expected_score(self, batch: Batch) -> Float[Tensor, "b 1"]:
        return self.log_odds(batch).abs().sigmoid()

    def answer(self, batch: Batch) -> Tensor:
        return (self.log_odds(with_doubles(batch)) > 0).long().to(batch.query.device)

    def log_odds(self, batch: Batch) -> Float[Tensor, "b 1"]:
        """Return log P(continuation | source) / P(no continuation | source)."""
        half = batch.source.shape[1] // 2
        first, second = (
            one_hot(part, self.symbols).double() for part in (batch.source[:, :half], batch.source[:, half + 1 :])
        )
        unread = torch.ones_like(first)
        pairs = torch.cat([torch.cat(pair, dim=1) for pair in ((first, second), (first, unread), (unread, second))])
        together, first_alone, second_alone = self.distribution.log_likelihood(pairs).chunk(3)
        return (together - first_alone - second_alone).unsqueeze(1)

    def words(self, part: Part) -> list[str]:
        return ["no", "yes"] if part == "target" else super().words(part)


def _binary_entropy(probability: Float[Tensor, "b 1"]) -> Float[Tensor, "b 1"]:
    entropy: Tensor = torch.special.entr(probability) + torch.special.entr(1 - probability)
    return entropy
