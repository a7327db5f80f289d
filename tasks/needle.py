"""Needle: find one relevant sentence among many others."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct, uniform

SENTENCE = 4
KEY, VALUE = 1, 3
"""A sentence's tokens, and which of them are a needle's key and value."""


@TASKS.register("needle")
class Needle(Task):
    """`length` sentences of four tokens; `needles` of them give the number of a key: what is the number of one key?

    With length=4 and needles=2 (k1 is a key, v9 a value, w5 any other word):

        source  the w5 is w2 number k1 is v9 number k6 is v3 the w0 is w5
        query   k1
        answer  v9

    A needle-in-a-haystack task. By default it is the multi-key variant, in which the needles of other keys are
    distractors; in the hardest variant all sentences are needles. With needles=1, as in `ruler-single`, the answer is
    the only value in the source, and neither the key nor the query is needed to find it. Here keys, values and words
    are one token each, and the other sentences are random. A value is one of `values` tokens, and in the publication a
    number of seven digits. `depth` is the place of the needle in the query, from 0, the first sentence, to 1, the last;
    by default all places are equally likely. Where it is given, the place alone is sufficient to find the answer.

    Source: Hsieh et al. 2024, "RULER" (arXiv 2404.06654), section 3.1.
    """

    family = "recall"
    necessary = True
    presets: ClassVar[Presets] = {
        "ruler-single": {"needles": 1, "length": 1024, "test_lengths": [1024, 2048, 4096]},
        "ruler-multikey-1": {"needles": 4, "length": 1024, "test_lengths": [1024, 2048, 4096]},
        "ruler-multikey-2": {"needles": 1024, "keys": 1024, "length": 1024, "test_lengths": [1024]},
    }

    def __init__(
        self, *, needles: int = 4, depth: float | None = None, keys: int = 16, values: int = 16, fillers: int = 16
    ) -> None:
        if not 1 <= needles <= keys:
            raise ValueError(f"needles is {needles}, but must be from 1 to the number of keys, {keys}")
        if values < 2 or fillers < 1:
            raise ValueError(f"needle needs values >= 2 and fillers >= 1, not {values} and {fillers}")
        if depth is not None and not 0 <= depth <= 1:
            raise ValueError(f"depth is {depth}, but must be from 0, the first sentence, to 1, the last")
        self.needles, self.depth = needles, depth
        self.keys, self.values, self.fillers = keys, values, fillers
        self.the, self.number, self.be = range(values + keys + fillers, values + keys + fillers + 3)
        self.source_space = self.query_space = Tokens(self.be + 1, "needle")
        self.target_space = Classes(values)

    def check_length(self, length: int) -> None:
        if length < self.needles:
            raise ValueError(f"length is {length}, but must be at least {self.needles}, one sentence for each needle")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        keys = self.values + draw_distinct(size, self.needles, self.keys, generator)
        values = torch.randint(self.values, (size, self.needles), generator=generator, device=device)
        places = self._places(length, size, generator)
        needles = torch.stack([torch.full_like(keys, self.number), keys, torch.full_like(keys, self.be), values], dim=2)
        source = self._haystack(length, size, generator)
        first_token = SENTENCE * places[:, :1].unsqueeze(2)
        links = torch.zeros(size, 1, SENTENCE * length, dtype=torch.bool, device=device)
        return Batch(
            source=source.scatter_(1, places.unsqueeze(2).expand_as(needles), needles).flatten(1),
            query=keys[:, :1],
            target=values[:, :1],
            scored=torch.ones(size, 1, dtype=torch.bool, device=device),
            links=links.scatter_(2, first_token + KEY, True).scatter_(2, first_token + VALUE, True),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.values)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        sentences = batch.source.reshape(len(batch), -1, SENTENCE)
        found = sentences[:, :, KEY] == batch.query
        return torch.where(found, sentences[:, :, VALUE], -1).amax(1, keepdim=True)

    def words(self, part: Part) -> list[str]:
        values = [f"v{n}" for n in range(self.values)]
        keys, fillers = [f"k{n}" for n in range(self.keys)], [f"w{n}" for n in range(self.fillers)]
        return values if part == "target" else [*values, *keys, *fillers, "the", "number", "is"]

    def _places(self, length: int, size: int, generator: torch.Generator) -> Tensor:
        """Sample a place for each needle. The first needle is that of the query."""
        priority = torch.rand(size, length, generator=generator, device=generator.device)
        if self.depth is not None:
            priority[:, round(self.depth * (length - 1))] = 2.0  # above all others
        return priority.topk(self.needles, dim=1).indices

    def _haystack(self, length: int, size: int, generator: torch.Generator) -> Tensor:
        words = torch.randint(self.fillers, (size, length, 2), generator=generator, device=generator.device)
        source = words.new_full((size, length, SENTENCE), self.the)
        source[:, :, KEY::2] = words + self.values + self.keys
        source[:, :, KEY + 1] = self.be
        return source
