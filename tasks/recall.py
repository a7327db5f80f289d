"""Recall: look a key's value up among key-value pairs."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from .task import TASKS, Batch, Classes, Part, Presets, Task, Tokens, draw_distinct


@TASKS.register("recall")
class Recall(Task):
    """Multi-query associative recall: `pairs` key-value pairs, then the keys scattered among filler.

    With pairs=2, vocabulary=20 and length=10 (keys below 10, values from 10 on, "." not scored):

        source  4 17 8 12
        query   3 8 19 2 4 11
        answer  . 12 . . 17 .

    Half of the vocabulary are keys, half values, each drawn without replacement; a key's place among the queries is
    drawn with weight place^(power-1), so that most come early and some very late. Filler is any token that is not one
    of the row's keys: in the published generator it may be, and such a false key has no answer. `length` counts source
    and query.

    Source: Arora et al. 2023, "Zoology" (arXiv 2312.04927), section 4.
    """

    family = "recall"
    necessary = True
    presets: ClassVar[Presets] = {
        f"zoology-{length}": {"length": length, "pairs": pairs, "vocabulary": 8192}
        for length, pairs in ((64, 4), (128, 8), (256, 16), (512, 64))
    }

    def __init__(self, *, pairs: int = 4, vocabulary: int = 64, power: float = 0.01) -> None:
        self.keys = vocabulary // 2
        if not 1 <= pairs <= self.keys:
            raise ValueError(f"pairs is {pairs}, but a vocabulary of {vocabulary} has keys for 1 to {self.keys} pairs")
        self.pairs, self.vocabulary, self.power = pairs, vocabulary, power
        self.values = vocabulary - self.keys
        self.source_space = self.query_space = Tokens(vocabulary, "recall")
        self.target_space = Classes(self.values)

    def check_length(self, length: int) -> None:
        if length < 3 * self.pairs:
            raise ValueError(
                f"length is {length}, but recall of {self.pairs} pairs needs at least {3 * self.pairs}: "
                "two positions to show each pair and one to ask for it"
            )

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        queries = length - 2 * self.pairs
        keys = draw_distinct(size, self.pairs, self.keys, generator)
        values = draw_distinct(size, self.pairs, self.values, generator)
        places = draw_distinct(size, self.pairs, queries, generator, self._place_weights(queries))
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

    def chance(self, length: int) -> float:
        return 1 / self.values

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        return look_up(batch, self.keys)

    def words(self, part: Part) -> list[str]:
        keys, values = [f"k{n}" for n in range(self.keys)], [f"v{n}" for n in range(self.values)]
        return values if part == "target" else keys + values

    def _place_weights(self, queries: int) -> Tensor:
        return (self.power - 1) * torch.arange(1, queries + 1).log()

    def _filler(self, keys: Tensor, queries: int, generator: torch.Generator) -> Int[Tensor, "b q"]:
        """Draw tokens other than the row's keys: number the others, then step over the keys below each."""
        draw = torch.randint(
            self.vocabulary - self.pairs, (len(keys), queries), generator=generator, device=keys.device
        )
        gaps = keys.sort(1).values - torch.arange(self.pairs, device=keys.device)
        return draw + torch.searchsorted(gaps, draw, right=True)


def look_up(batch: Batch, keys: int) -> Int[Tensor, "b q"]:
    """Return each query's value among the source's pairs, values being numbered behind `keys` keys; -1: none."""
    found = batch.query.unsqueeze(2) == batch.source[:, 0::2].unsqueeze(1)
    values = batch.source[:, 1::2] - keys
    return torch.where(found, values.unsqueeze(1), -1).amax(2)
