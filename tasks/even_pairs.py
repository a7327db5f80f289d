"""Even pairs: is the number of changes of symbol in a string even?"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.strings import StringTask
from .task import TASKS, Batch, Presets, uniform


@TASKS.register("even_pairs")
class EvenPairs(StringTask):
    """A random string of `length` over {a, b}: is the number of pairs ab and ba in it even?

    It measures a comparison of two places: the number is even exactly if the first and the last symbol are equal. The
    pairs of neighbours, without their order, are sufficient too.

    With length=6 ("?" is a mark; the pairs are ab, ba and ab):

        source  a a b a a b
        query   ?
        answer  odd

    A regular task. The number is even if the first and the last symbol are equal, so only these two are linked. Length
    1 is not allowed, because a string without pairs has only one answer.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    necessary = True
    presets: ClassVar[Presets] = {"deletang": {"length": [2, 40], "test_lengths": [41, 100, 200, 300, 400, 500]}}

    def __init__(self) -> None:
        super().__init__("even_pairs", ["a", "b"], ["even", "odd"])

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but must be at least 2, for a pair of symbols")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(2, (size, length), generator=generator, device=generator.device)
        changes = source[:, 1:] != source[:, :-1]
        links = torch.zeros(1, 1, length, dtype=torch.bool, device=source.device)
        links[..., 0] = links[..., -1] = True
        return self.ask(source, changes.sum(1, keepdim=True) % 2, links.expand(size, -1, -1))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(2)

    def answer(self, batch: Batch) -> Tensor:
        return (batch.source[:, :1] != batch.source[:, -1:]).long()
