"""Noisy recall: find the values of keys among key-value pairs and noise."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .recall import look_up
from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform


@TASKS.register("noisy_recall")
class NoisyRecall(Task):
    """`length` tokens in pairs, each a key and its value, or noise: what is the value of each key, in random order?

    It measures whether a model joins a value with the key before it: the pairs of neighbours, without their order, are
    sufficient to answer.

    With vocabulary=6 (keys k0 to k2, values v0 to v2), noise_vocabulary=4 (n0 to n3) and length=10:

        source  k2 v0 n3 n1 k0 v0 k2 v0 n1 n1
        query   k0 k1 k2
        answer  v0 .  v0

    As published, a pair is noise with probability `noise`, but at least one is not, and a key that occurs again has the
    same value. In the publication, training is on the next token everywhere. In tests all occurrences of a key but its
    first are scored, so that frequent keys count more, and the length includes a last pair that is asked for. Here each
    key that occurs is scored once, in training and tests, by queries after the `length` tokens.

    Source: Poli et al. 2024, "Mechanistic design and scaling of hybrid architectures" (arXiv 2403.17844).
    """

    family = "recall"
    presets: ClassVar[Presets] = {
        "mad": {"length": 128},
        **{f"mad-noise-{percent}": {"noise": percent / 100, "length": 128} for percent in (40, 60, 80)},
        **{f"mad-length-{length}": {"length": length} for length in (256, 512, 1024)},
    }

    def __init__(self, *, vocabulary: int = 16, noise_vocabulary: int = 16, noise: float = 0.2) -> None:
        if vocabulary < 4 or noise_vocabulary < 1:
            raise ValueError(
                "noisy recall needs vocabulary >= 4 (two keys and two values) and noise_vocabulary >= 1, "
                f"not {vocabulary} and {noise_vocabulary}"
            )
        if not 0 <= noise < 1:
            raise ValueError(f"noise is {noise}, but must be at least 0 and below 1")
        self.vocabulary, self.noise_vocabulary, self.noise = vocabulary, noise_vocabulary, noise
        self.keys = vocabulary // 2
        self.values = vocabulary - self.keys
        self.source_space = self.query_space = Tokens(vocabulary + noise_vocabulary, "noisy_recall")
        self.target_space = Classes(self.values)

    def check_length(self, length: int) -> None:
        if length < 2 or length % 2:
            raise ValueError(f"length is {length}, but must be even and at least 2, for pairs of tokens")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device, slots = generator.device, length // 2
        dictionary = torch.randint(self.values, (size, self.keys), generator=generator, device=device)
        keys = torch.randint(self.keys, (size, slots), generator=generator, device=device)
        is_noise = self._noise(slots, size, generator)
        noise = torch.randint(self.noise_vocabulary, (size, slots, 2), generator=generator, device=device)
        pairs = torch.stack([keys, self.keys + dictionary.gather(1, keys)], dim=2)
        query = torch.rand(size, self.keys, generator=generator, device=device).argsort(1)
        shown = (keys.unsqueeze(1) == query.unsqueeze(2)) & ~is_noise.unsqueeze(1)
        return Batch(
            source=torch.where(is_noise.unsqueeze(2), self.vocabulary + noise, pairs).flatten(1),
            query=query,
            target=dictionary.gather(1, query),
            scored=shown.any(2),
            links=shown.repeat_interleave(2, dim=2),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.values)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        return look_up(batch, self.keys)

    def words(self, part: Part) -> list[str]:
        keys, values = [f"k{n}" for n in range(self.keys)], [f"v{n}" for n in range(self.values)]
        return values if part == "target" else [*keys, *values, *(f"n{n}" for n in range(self.noise_vocabulary))]

    def _noise(self, slots: int, size: int, generator: torch.Generator) -> Tensor:
        """Sample which pairs are noise; at least one is not."""
        noise = torch.rand(size, slots, generator=generator, device=generator.device) < self.noise
        pair = torch.randint(slots, (size, 1), generator=generator, device=generator.device)
        return noise.scatter_(1, pair, False)
