"""Parity: is the number of ones even?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.strings import StringTask
from .task import TASKS, Batch, uniform


@TASKS.register("parity")
class Parity(StringTask):
    """A random binary string of `length`: is the number of ones even?

    It measures counting: the number of ones, without their places, is sufficient to answer.

    With length=7 ("?" is a mark):

        source  1 0 1 0 1 0 0
        query   ?
        answer  odd

    A regular task, published as parity check.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    necessary = True

    def __init__(self) -> None:
        super().__init__("parity", ["0", "1"], ["even", "odd"])

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(2, (size, length), generator=generator, device=generator.device)
        return self.ask(source, source.sum(1, keepdim=True) % 2, torch.ones_like(source, dtype=torch.bool).unsqueeze(1))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(2)

    def answer(self, batch: Batch) -> Tensor:
        """Multiply by -1 for every one: the product is negative if their number is odd."""
        return (1 - 2 * batch.source).prod(1, keepdim=True).lt(0).long()
