"""Memorization: translate keys with a dictionary that must be learned, as no example contains it."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform


@TASKS.register("memorization")
class Memorization(Task):
    """`length` random keys; at each mark, output the value of the key at the same place, by a fixed dictionary.

    With the default dictionary, which begins with k0 v12, k1 v31, k2 v25, and length=4:

        source  k2  k0  k0  k1
        query   ?   ?   ?   ?
        answer  v25 v12 v12 v31

    Published with a vocabulary of 256, of which 127 are keys, each with a different value, and with 32 positions. In
    the publication, a mark follows each key; here all marks follow all keys. `dictionary` is the seed of the
    dictionary, which is the same in training and in tests.

    Source: Poli et al. 2024, "Mechanistic design and scaling of hybrid architectures" (arXiv 2403.17844).
    """

    family = "memory"
    necessary = True
    presets: ClassVar[Presets] = {
        "mad": {"keys": 127, "length": 16},
        **{f"mad-{size}": {"keys": size // 2 - 1, "length": 16} for size in (512, 1024, 2048, 4096, 8192)},
    }

    def __init__(self, *, keys: int = 32, dictionary: int = 0) -> None:
        if keys < 2:
            raise ValueError(f"keys is {keys}, but must be at least 2, or the answer is always the same")
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

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.keys)  # no two keys share a value

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        values = torch.cat(
            [self.dictionary, self.dictionary.new_tensor([-1])]
        )  # at the last index, which HIDDEN and the mark have
        return values.to(batch.source.device)[batch.source]

    def words(self, part: Part) -> list[str]:
        if part == "target":
            return [f"v{n}" for n in range(self.keys)]
        return [*(f"k{n}" for n in range(self.keys)), "?"]
