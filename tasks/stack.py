"""Stack: what does a stack contain after pushes and pops?"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from .sources.strings import StringTask
from .task import TASKS, Batch

POP, PUSH_A, PUSH_B = 2, 3, 4
END = 2


@TASKS.register("stack")
class Stack(StringTask):
    """The contents of a stack from the bottom, then actions, `length` in all: what are the contents then, from the top?

    It measures counting, too: the numbers of pushes and pops almost tell the height of the stack, and so the places
    that contain ".".

    With length=7 ("^" is pop, "+a" push a, "?" a mark, "." the end of the stack):

        source  a b b +a ^ ^ +a
        query   ? ? ? ? ? ? ? ?
        answer  a b a . . . . .

    A deterministic context-free task, published as stack manipulation. As in the published code, the stack has 1 to
    length - 1 symbols first (1 at length 1), all numbers and all actions are equally likely, and a pop does not change
    an empty stack. There the loss is over all length + 1 places, and the accuracy over those up to the first ".". Here
    both are over all places, with "." at every place below the stack. A symbol is linked to its push and to all later
    actions, because its place depends on them, and "." to the whole source.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    def __init__(self) -> None:
        super().__init__("stack", ["a", "b", "^", "+a", "+b"], ["a", "b", "."])

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        positions = torch.arange(length, device=device)
        contents = torch.randint(1, max(length, 2), (size, 1), generator=generator, device=device)
        symbols = torch.randint(2, (size, length), generator=generator, device=device)
        actions = torch.randint(POP, PUSH_B + 1, (size, length), generator=generator, device=device)
        source = torch.where(positions < contents, symbols, actions)
        places = self._places(source)
        symbol = torch.where(source < POP, source, source - PUSH_A)
        # Tokens without a symbol in the final stack get a place after the last, which is cut off.
        target = torch.full((size, length + 2), END, device=device).scatter_(1, places, symbol)
        pushed = torch.zeros_like(target).scatter_(1, places, positions.expand(size, -1))
        return self.ask(source, target[:, :-1], positions >= pushed[:, :-1].unsqueeze(2))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return _prior(length)

    def answer(self, batch: Batch) -> Tensor:
        """Simulate the stack; a HIDDEN token does not change it."""
        height = torch.zeros_like(batch.source[:, :1])
        stack = torch.full_like(batch.query, END)
        for token in batch.source.unsqueeze(2).unbind(1):
            symbol = torch.where(token < POP, token, token - PUSH_A)
            pushes = (token != POP) & (token >= 0)
            stack.scatter_(1, height, torch.where(pushes, symbol, END))
            height = (height + pushes.long() - (token == POP).long()).clamp_min(0)
        places = height - 1 - torch.arange(batch.query.shape[1], device=height.device)
        return torch.where(places >= 0, stack.gather(1, places.clamp_min(0)), END)

    def _places(self, source: Int[Tensor, "b s"]) -> Int[Tensor, "b s"]:
        """Return the place of each token in the final stack, from the top; length + 1 if it is not there.

        Count pops minus pushes from the end. A push stays where this count reaches a new minimum, -1, -2, ...
        """
        balance = torch.where(source == POP, 1, -1).flip(1).cumsum(1)
        lowest = pad(balance.cummin(1).values.clamp_max(0)[:, :-1], (1, 0))
        return torch.where(balance < lowest, -balance - 1, source.shape[1] + 1).flip(1)


@lru_cache
def _prior(length: int) -> Float[Tensor, "n c"]:
    """Return the distribution of the answer at each place of the stack, from that of its height."""
    starts = max(length - 1, 1)
    distribution = torch.zeros(length + 1, dtype=torch.float64)
    distribution[1] = 1 / starts
    for count in range(2, length + 1):
        pushed, popped = pad(distribution[:-1], (1, 0)), pad(distribution[1:], (0, 1))
        popped[0] += distribution[0]
        distribution = (popped + 2 * pushed) / 3
        if count < length:
            distribution[count] += 1 / starts  # stacks with this number of symbols at first
    ends = distribution.cumsum(0)
    return torch.stack([(1 - ends) / 2, (1 - ends) / 2, ends], dim=1)
