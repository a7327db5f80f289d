"""Masked language: predict the words of a text that were masked or replaced."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import one_hot

from .sources.text import LanguageModel
from .task import TASKS, Batch

SELECTED = 0.15
MASKED, REPLACED, KEPT = 0.8, 0.1, 0.1


@TASKS.register("masked_language")
class MaskedLanguage(LanguageModel):
    """Predict the selected words of a text of `length` words, most of them masked, from the words on both sides.

    With symbols=8 and length=6 ("." not scored):

        source  [cls]
        query   bame [mask] beto bame difa beto
        answer  .    bame   .    .    .    .

    As published, 15 % of the positions are selected; 80 % of these are masked, 10 % replaced by a random word, and 10 %
    unchanged. BERT selects exactly 15 % of each text. Here each position is selected independently, given that at least
    one is: the selection of a position then contains no information about the others, and the posterior of the ideal
    reader can be computed exactly. The metric is the cross-entropy in nats. Its floor is that of the ideal reader, who
    knows which positions are scored, the distribution of the texts (see `language`), and how words are selected and
    replaced.

    Source: Devlin et al. 2018, "BERT" (arXiv 1810.04805), section 3.1 and appendix A.1.
    """

    causal = False

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        text, device = self.distribution.sample(length, size, generator), generator.device
        selected = _select(length, size, generator)
        kind = torch.randint(10, (size, length), generator=generator, device=device)
        random = torch.randint(self.symbols, (size, length), generator=generator, device=device)
        query = torch.where(selected & (kind < 10 * MASKED), self.mask, text)
        return Batch(
            source=torch.full((size, 1), self.start, device=device),
            query=torch.where(selected & (kind == 10 * MASKED), random, query),
            target=text,
            scored=selected,
        )

    def first(self, length: int) -> int:
        return 0

    def log_probabilities(self, batch: Batch) -> Float[Tensor, "b q v"]:
        """Return the posterior of each word, given that its position is selected, and others with probability SELECTED.

        A mask replaces all words with the same probability, and so contains no information about the word. A visible
        word is the word of the text unless it was selected and replaced; all replacements are equally likely.
        """
        seen = one_hot(batch.query, self.query_space.size)[..., : self.symbols].double()
        replaced = REPLACED / self.symbols
        around = (1 - SELECTED + SELECTED * KEPT) * seen + SELECTED * replaced
        masked = (batch.query == self.mask).unsqueeze(2)
        at_query = torch.where(masked, 1.0, KEPT * seen + replaced)
        return (self.distribution.others(torch.where(masked, 1.0, around)) + at_query.log()).log_softmax(2)


def _select(length: int, size: int, generator: torch.Generator) -> Bool[Tensor, "b n"]:
    """Select each position independently, given that at least one is: sample the first, then those after it."""
    device = generator.device
    none_yet = torch.full((length,), 1 - SELECTED, dtype=torch.float64, device=device).cumprod(0)
    level = torch.rand(size, 1, generator=generator, dtype=torch.float64, device=device)
    first = torch.searchsorted((1 - none_yet) / (1 - none_yet[-1]), level, right=True)
    place = torch.arange(length, device=device)
    later = torch.randint(20, (size, length), generator=generator, device=device) < 20 * SELECTED
    return (place == first) | (place > first) & later
