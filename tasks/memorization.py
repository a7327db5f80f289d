"""Memorization: translate keys by a dictionary that is in no example."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from .task import TASKS, Batch, Classes, Part, Presets, Task, Tokens


@TASKS.register("memorization")
class Memorization(Task):
    """`length` random keys; at each mark the value of the key at the same place, by a dictionary that never changes.

    With a dictionary that begins k0 v4, k1 v7, k2 v1, and length=4:

        source  k2 k0 k0 k1
        query   ?  ?  ?  ?
        answer  v1 v4 v4 v7

    Published with 127 keys of a vocabulary of 256, each with a value of its own, in 32 positions; there each key is
    followed by the mark that asks for its value, here the marks follow all keys. `dictionary` is the seed by which
    values are dealt out; training and test share it.

    Source: Poli et al. 2024, "Mechanistic design and scaling of hybrid architectures" (arXiv 2403.17844), section 3.1.
    """

    family = "memory"
    necessary = True
    presets: ClassVar[Presets] = {
        "mad": {"keys": 127, "length": 16},
        **{f"mad-{size}": {"keys": size // 2 - 1, "length": 16} for size in (512, 1024, 2048, 4096, 8192)},
    }

    def __init__(self, *, keys: int = 32, dictionary: int = 0) -> None:
        if keys < 2:
            raise ValueError(f"keys is {keys}, but a dictionary worth learning has at least 2")
        self.keys, self.mark = keys, keys
        self.dictionary = torch.randperm(keys, generator=torch.Generator().manual_seed(dictionary))
        self.source_space = self.query_space = Tokens(keys + 1, "memorization")
        self.target_space = Classes(keys)

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        source = torch.randint(self.keys, (size, length), generator=generator, device=device)
        return Batch(
            source=source,
            query=torch.full_like(source, self.mark),
            target=self.dictionary.to(device)[source],
            scored=torch.ones_like(source, dtype=torch.bool),
            links=torch.eye(length, dtype=torch.bool, device=device).expand(size, -1, -1),
        )

    def chance(self, length: int) -> float:
        return 1 / self.keys  # no two keys share a value

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        values = torch.cat([self.dictionary, self.dictionary.new_tensor([-1])])  # for HIDDEN and the mark, last of all
        return values.to(batch.source.device)[batch.source]

    def words(self, part: Part) -> list[str]:
        if part == "target":
            return [f"v{n}" for n in range(self.keys)]
        return [*(f"k{n}" for n in range(self.keys)), "?"]
