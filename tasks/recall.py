"""Recall: find the values of keys among key-value pairs."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct, uniform


@TASKS.register("recall")
class Recall(Task):
    """`pairs` key-value pairs, then queries with the keys among filler tokens: what is the value of each key?

    With pairs=2, vocabulary=20 and length=10 (keys of k, values of v, "." not scored):

        source  k4 v7 k8 v2
        query   k8 v9 k3 k2 k4 v1
        answer  v2 .  .  .  v7 .

    Published as multi-query associative recall. Half of the vocabulary are keys and half are values, both sampled
    without replacement. Every second query may be a key: the n-th of these slots with a probability proportional to
    n^(power-1), so that most keys come early and some very late. `length` counts source and query.

    With `blank` every filler token is the blank "_", which takes the place of key 0, as in figure 2 of the paper and in
    the presets. Without it a filler token is any token but a key of the example; the published generator then allows
    these too, as queries that are not scored.

    Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927), and the authors' code.
    """

    family = "recall"
    necessary = True
    presets: ClassVar[Presets] = {
        f"zoology-{length}": {"length": length, "pairs": pairs, "vocabulary": 8192, "blank": True}
        for length, pairs in ((64, 4), (128, 8), (256, 16), (512, 64))
    }

    def __init__(self, *, pairs: int = 4, vocabulary: int = 64, power: float = 0.01, blank: bool = False) -> None:
        self.keys = vocabulary // 2
        most = self.keys - blank
        if not 1 <= pairs <= most:
            raise ValueError(
                f"pairs is {pairs}, but must be from 1 to {most}, the number of keys with a vocabulary of {vocabulary}"
            )
        self.pairs, self.vocabulary, self.power, self.blank = pairs, vocabulary, power, blank
        self.values = vocabulary - self.keys
        self.source_space = self.query_space = Tokens(vocabulary, "recall")
        self.target_space = Classes(self.values)

    def check_length(self, length: int) -> None:
        least = 4 * self.pairs - 1
        if length < least:
            raise ValueError(
                f"length is {length}, but must be at least {least} for {self.pairs} pairs: "
                "each pair needs two positions in the source, and every second query may be a key"
            )

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        queries = length - 2 * self.pairs
        keys = draw_distinct(size, self.pairs, self.keys - self.blank, generator) + self.blank
        values = draw_distinct(size, self.pairs, self.values, generator)
        slots = torch.arange(1, (queries + 1) // 2 + 1)
        places = 2 * draw_distinct(size, self.pairs, len(slots), generator, (self.power - 1) * slots.log())
        scored = torch.zeros(size, queries, dtype=torch.bool, device=keys.device).scatter_(1, places, True)
        target = torch.zeros(size, queries, dtype=torch.long, device=keys.device).scatter_(1, places, values)
        links = torch.zeros(size, queries, self.pairs, dtype=torch.bool, device=keys.device)
        links.scatter_(1, places.unsqueeze(1), True)
        return Batch(
            source=torch.stack([keys, values + self.keys], dim=2).flatten(1),
            query=self._filler(keys, queries, generator).scatter_(1, places, keys),
            target=target,
            scored=scored,
            links=links.repeat_interleave(2, dim=2),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.values)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        return look_up(batch, self.keys)

    def words(self, part: Part) -> list[str]:
        keys, values = [f"k{n}" for n in range(self.keys)], [f"v{n}" for n in range(self.values)]
        if self.blank:
            keys[0] = "_"
        return values if part == "target" else keys + values

    def _filler(self, keys: Tensor, queries: int, generator: torch.Generator) -> Int[Tensor, "b q"]:
        """Sample tokens that are not keys of the example: number those tokens, then skip the keys below each."""
        if self.blank:
            return keys.new_zeros(len(keys), queries)
        draw = torch.randint(
            self.vocabulary - self.pairs, (len(keys), queries), generator=generator, device=keys.device
        )
        gaps = keys.sort(1).values - torch.arange(self.pairs, device=keys.device)
        return draw + torch.searchsorted(gaps, draw, right=True)


def look_up(batch: Batch, keys: int) -> Int[Tensor, "b q"]:
    """Return the value of each query in the pairs of the source, -1 without one. The first value is token `keys`."""
    found = batch.query.unsqueeze(2) == batch.source[:, 0::2].unsqueeze(1)
    values = batch.source[:, 1::2] - keys
    return torch.where(found, values.unsqueeze(1), -1).amax(2)
