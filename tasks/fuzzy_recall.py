"""Fuzzy recall: find the values of keys, where both have several tokens."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform

EMPTY = -1
"""Fills a motif's row up to the largest size."""


@TASKS.register("fuzzy_recall")
class FuzzyRecall(Task):
    """`length` tokens of pairs, each key and value with 1 to `motif` tokens: what are the values of some keys?

    With vocabulary=16, motif=3, queries=1 and length=12 ("_" is a blank, "?" a mark, "." not scored):

        source  _ _ k1 v2 v0 k1 k4 v7 k2 v3 v1 v6
        query   _ k1 k4 ?  ?   ?
        answer  . .  .  v7 end end

    Pairs are added while a pair of the largest size has room, and blanks in front fill the rest. Every value has
    `motif` marks, so that their number does not reveal its size, and "end" follows a shorter value.
    As published, sizes are uniform, the tokens of a key or value are all different, and a key that occurs again has the
    same value. In the publication, training is on the next token everywhere. In tests values are scored where their key
    occurs again, all keys have the largest size, and the length includes a last pair that is asked for. Here there are
    `queries` queries after the `length` tokens, and test data are like training data.

    Source: Poli et al. 2024, "Mechanistic design and scaling of hybrid architectures" (arXiv 2403.17844).
    """

    family = "recall"
    drawn_together = 32
    presets: ClassVar[Presets] = {
        "mad": {"vocabulary": 15, "length": 128},
        **{f"mad-length-{length}": {"vocabulary": 15, "length": length} for length in (256, 512, 1024)},
    }

    def __init__(self, *, vocabulary: int = 16, motif: int = 3, queries: int = 2) -> None:
        if motif < 1 or vocabulary < max(4, 2 * motif):
            raise ValueError(
                "fuzzy recall needs motif >= 1 and a vocabulary of at least two keys and values and twice the motif, "
                f"not motif {motif} and vocabulary {vocabulary}"
            )
        if queries < 1:
            raise ValueError(f"queries is {queries}, but must be at least 1")
        self.motif, self.queries = motif, queries
        self.keys = vocabulary // 2
        self.values = vocabulary - self.keys
        self.blank, self.mark, self.end = vocabulary, vocabulary + 1, self.values
        self.source_space = self.query_space = Tokens(vocabulary + 2, "fuzzy_recall")
        self.target_space = Classes(self.values + 1)

    def check_length(self, length: int) -> None:
        least = 2 * self.motif * self.queries
        if length < least:
            raise ValueError(f"length is {length}, but {self.queries} pairs of the largest size need {least} tokens")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        shape = (size, (length - 2 * self.motif) // 2 + 1)  # enough even if all pairs have two tokens
        keys = self._motifs(self.keys, shape, generator).flip(2)
        values = self._motifs(self.values, shape, generator)
        code = ((keys + 1) * (self.keys + 1) ** torch.arange(self.motif, device=keys.device)).sum(2)
        same_key = code.unsqueeze(2) == code.unsqueeze(1)
        first = same_key.byte().argmax(2, keepdim=True)
        values = values.gather(1, first.expand_as(values))
        order = torch.rand(shape, generator=generator, device=keys.device).argsort(1)
        # The queries are for the first pairs, which have room whatever their sizes are: any other choice would prefer
        # rows with many short pairs. The pairs are then put in random order.
        asked = slice(self.queries)
        linked = same_key[:, asked].gather(2, order.unsqueeze(1).expand(-1, self.queries, -1))
        source, links = self._lay_out(length, self._fitting(length, keys, values), order, linked)
        query, target = self._ask(keys[:, asked], values[:, asked])
        scored = query == self.mark
        return Batch(source, query, target, scored, links.repeat_interleave(2 * self.motif, 1) & scored.unsqueeze(2))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        ended = torch.arange(self.motif, dtype=torch.float64).unsqueeze(1) / self.motif
        return torch.cat([(1 - ended) * uniform(self.values), ended], dim=1)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        """Compare each run of key tokens in the source with the key of the query, and read the value behind it."""
        blanks = batch.source.new_full((len(batch), self.motif), self.blank)
        windows = torch.cat([blanks, batch.source, blanks], 1).unfold(1, 2 * self.motif, 1)
        before, after = windows[..., : self.motif], windows[..., self.motif :]
        key_run = ((before >= 0) & (before < self.keys)).flip(2).cumprod(2).flip(2).bool()
        value_run = ((after >= self.keys) & (after < self.blank)).cumprod(2).bool()
        before = torch.where(key_run, before, self.blank)
        after = torch.where(value_run, after - self.keys, self.end)
        asked = batch.query.reshape(-1, self.queries, 2 * self.motif)[..., : self.motif]
        found = (before.unsqueeze(1) == asked.unsqueeze(2)).all(3) & value_run[:, None, :, 0]
        place = found.byte().argmax(2)
        values = after.gather(1, place.unsqueeze(2).expand(-1, -1, self.motif))
        return torch.cat([torch.zeros_like(values), values], 2).flatten(1)

    def words(self, part: Part) -> list[str]:
        keys, values = [f"k{n}" for n in range(self.keys)], [f"v{n}" for n in range(self.values)]
        return [*values, "end"] if part == "target" else [*keys, *values, "_", "?"]

    def _motifs(self, alphabet: int, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Draw motifs of different tokens below `alphabet`, of any size from one; EMPTY after their end."""
        device, places = generator.device, range(self.motif)
        draws = [torch.randint(alphabet - n, shape, generator=generator, device=device) for n in places]
        tokens = torch.stack(draws, dim=2)
        # A draw numbers the tokens that are left (a Lehmer code): step over the earlier ones, last to first.
        for n in reversed(places):
            tokens[..., n + 1 :] += tokens[..., n + 1 :] >= tokens[..., n, None]
        sizes = torch.randint(1, self.motif + 1, (*shape, 1), generator=generator, device=device)
        return tokens.masked_fill_(torch.arange(self.motif, device=device) >= sizes, EMPTY)

    def _fitting(self, length: int, keys: Tensor, values: Tensor) -> Tensor:
        """Return the pairs' tokens, EMPTY in those before which there was no room for a pair of the largest size."""
        pairs = torch.cat([keys, torch.where(values == EMPTY, EMPTY, self.keys + values)], dim=2)
        sizes = (pairs != EMPTY).sum(2)
        fits = sizes.cumsum(1) - sizes <= length - 2 * self.motif
        return pairs.masked_fill(~fits.unsqueeze(2), EMPTY)

    def _lay_out(self, length: int, pairs: Tensor, order: Tensor, linked: Tensor) -> tuple[Tensor, Tensor]:
        """Write the pairs in `order` without gaps up to the end, and mark for each query the tokens of linked pairs."""
        tokens = pairs.gather(1, order.unsqueeze(2).expand_as(pairs)).flatten(1)
        ends = (tokens != EMPTY).cumsum(1)
        place = torch.where(tokens == EMPTY, length, ends + (length - 1 - ends[:, -1:]))  # past the end: dropped
        source = tokens.new_full((len(tokens), length + 1), self.blank).scatter_(1, place, tokens)
        links = torch.zeros(len(tokens), self.queries, length + 1, dtype=torch.bool, device=tokens.device)
        linked = linked.repeat_interleave(2 * self.motif, dim=2)
        links.scatter_(2, place.unsqueeze(1).expand_as(linked), linked)
        return source[:, :length], links[..., :length]

    def _ask(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return each key and marks for its value, and the value with an end."""
        marks = torch.full_like(values, self.mark)
        query = torch.cat([torch.where(keys == EMPTY, self.blank, keys), marks], dim=2)
        target = torch.cat([torch.zeros_like(keys), torch.where(values == EMPTY, self.end, values)], dim=2)
        return query.flatten(1), target.flatten(1)
