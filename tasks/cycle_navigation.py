"""Cycle navigation: follow moves on a cycle."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .sources.strings import StringTask
from .task import TASKS, Batch


@TASKS.register("cycle_navigation")
class CycleNavigation(StringTask):
    """Follow `length` moves (a step back, none, or a step forward) on a cycle of `states`: in which state do they end?

    It measures counting: the number of moves of each kind, without their order, is sufficient to answer.

    With states=5 and length=5, from state 0 ("?" is a mark):

        source  +1 -1 0 -1 -1
        query   ?
        answer  3

    A regular task, published with five states.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    necessary = True

    def __init__(self, *, states: int = 5) -> None:
        if states < 2:
            raise ValueError(f"states is {states}, but must be at least 2, or the answer is always the same")
        self.states = states
        super().__init__("cycle_navigation", ["-1", "0", "+1"], [str(state) for state in range(states)])

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(3, (size, length), generator=generator, device=generator.device)
        end = (source - 1).sum(1, keepdim=True) % self.states
        return self.ask(source, end, torch.ones_like(source, dtype=torch.bool).unsqueeze(1))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        """Return the distribution of the last state; after few moves states are not equally probable."""
        distribution = [1.0] + [0.0] * (self.states - 1)
        for _ in range(length):
            distribution = [
                (distribution[k - 1] + distribution[k] + distribution[(k + 1) % self.states]) / 3
                for k in range(self.states)
            ]
        return torch.tensor([distribution], dtype=torch.float64)

    def answer(self, batch: Batch) -> Tensor:
        forward, back = ((batch.source == move).sum(1, keepdim=True) for move in (2, 0))
        return (forward - back) % self.states
