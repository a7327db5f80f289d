"""Cycle navigation: follow moves around a cycle."""

from __future__ import annotations

import torch
from torch import Tensor

from .sources.strings import StringTask
from .task import TASKS, Batch


@TASKS.register("cycle_navigation")
class CycleNavigation(StringTask):
    """Follow `length` moves (a step back, none, a step forward) around a cycle of `states`: where do they end?

    With states=5 and length=5, from state 0 ("?" a mark):

        source  +1 -1 0 -1 -1
        query   ?
        answer  3

    A regular task, published with five states.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    necessary = True

    def __init__(self, *, states: int = 5) -> None:
        if states < 2:
            raise ValueError(f"states is {states}, but a cycle to move on has at least 2")
        self.states = states
        super().__init__("cycle_navigation", ["-1", "0", "+1"], [str(state) for state in range(states)])

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        source = torch.randint(3, (size, length), generator=generator, device=generator.device)
        end = (source - 1).sum(1, keepdim=True) % self.states
        return self.ask(source, end, torch.ones_like(source, dtype=torch.bool).unsqueeze(1))

    def chance(self, length: int) -> float:
        """Return the probability of the most probable end: a short walk is not yet everywhere alike."""
        law = [1.0] + [0.0] * (self.states - 1)
        for _ in range(length):
            law = [(law[k - 1] + law[k] + law[(k + 1) % self.states]) / 3 for k in range(self.states)]
        return max(law)

    def answer(self, batch: Batch) -> Tensor:
        forward, back = ((batch.source == move).sum(1, keepdim=True) for move in (2, 0))
        return (forward - back) % self.states
