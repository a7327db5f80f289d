"""Dyck: which bracket is still open?"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .task import TASKS, Batch, Classes, Part, Presets, Task, Tokens


@TASKS.register("dyck")
class Dyck(Task):
    """`length` brackets of `kinds` kinds that open and close in order, some still open: which kind must close next?

    With length=8:

        source  ( [ ( ) ( [ ] )
        query   ?
        answer  ]

    Dyck languages are those of Chomsky & Schützenberger 1963; with a bound on the depth they are Dyck-(kinds,
    max_depth). Closing the innermost bracket tests for memory of it, as published and in Suzgun et al. 2019 (arXiv
    1911.03329). Of all ways to go up and down by `length` brackets, never below 0, never above `max_depth` (0: no
    bound) and not ending at 0, each is equally likely, and so is each kind of each pair; the published sources are
    random walks instead, of no fixed length. A source is asked about once, at its end, and need not be closed there.

    Source: Hewitt et al. 2020 (arXiv 2010.07515).
    """

    family = "formal language"
    drawn_together = 32
    points = True
    necessary = True
    presets: ClassVar[Presets] = {
        "suzgun": {"length": [2, 50], "test_lengths": [52, 100], "kinds": 2},
        **{
            f"hewitt-{kinds}-{depth}": {
                "length": [1, most],
                "test_lengths": [most, 2 * most],
                "kinds": kinds,
                "max_depth": depth,
            }
            for kinds in (2, 8, 32, 128)
            for depth, most in ((3, 84), (5, 180))
        },
    }

    def __init__(self, *, kinds: int = 2, max_depth: int = 0) -> None:
        if kinds < 2:
            raise ValueError(f"kinds is {kinds}, but only of 2 kinds or more is it a question which one closes")
        if max_depth < 0:
            raise ValueError(f"max_depth is {max_depth}, but a depth is at least 1, and 0 stands for no bound")
        self.kinds, self.max_depth, self.mark = kinds, max_depth, 2 * kinds
        self.source_space = self.query_space = Tokens(2 * kinds + 1, "dyck")
        self.target_space = Classes(kinds)

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if self.max_depth == 1 and length % 2 == 0:
            raise ValueError(f"length is {length}, but at depth 1 a bracket is open only after an odd number of them")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        depth = self._depths(length, size, generator)
        opens = depth.diff(dim=1, prepend=torch.zeros_like(depth[:, :1])) > 0
        draw = torch.randint(self.kinds, depth.shape, generator=generator, device=depth.device)
        kind = _match(depth, opens, draw)
        # The innermost open bracket is the last one that opened the depth at which the source ends.
        place = torch.arange(length, device=depth.device)
        innermost = torch.where(opens & (depth == depth[:, -1:]), place, -1).amax(1, keepdim=True)
        return Batch(
            source=torch.where(opens, kind, kind + self.kinds),
            query=depth.new_full((size, 1), self.mark),
            target=kind.gather(1, innermost),
            scored=torch.ones_like(innermost, dtype=torch.bool),
            links=(place == innermost).unsqueeze(1),
        )

    def chance(self, length: int) -> float:
        return 1 / self.kinds

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        return torch.tensor([self._open(tokens) for tokens in batch.source.tolist()], device=batch.source.device)

    def words(self, part: Part) -> list[str]:
        pairs = ["()", "[]", "{}", "<>"][: self.kinds]
        opening = [pair[0] for pair in pairs] + [f"({n}" for n in range(4, self.kinds)]
        closing = [pair[1] for pair in pairs] + [f"{n})" for n in range(4, self.kinds)]
        return closing if part == "target" else [*opening, *closing, "?"]

    def _open(self, tokens: list[int]) -> list[int]:
        """Return the kind of the innermost open bracket, by a stack."""
        stack: list[int] = []
        for token in tokens:
            if 0 <= token < self.kinds:
                stack.append(token)
            elif token >= self.kinds and stack:
                stack.pop()
        return stack[-1:] or [0]

    def _depths(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        """Draw a path: the depth after each bracket. It has a memory, so this goes bracket by bracket."""
        device = generator.device
        shares = opening_shares(length, min(length, self.max_depth or length)).to(device)
        ups = torch.rand(length, size, generator=generator, device=device)
        depth, depths = torch.zeros(size, dtype=torch.long, device=device), []
        for share, draw in zip(shares, ups, strict=True):
            depth = torch.where(draw < share[depth], depth + 1, depth - 1)
            depths.append(depth)
        return torch.stack(depths, dim=1)


@lru_cache(maxsize=256)
def opening_shares(length: int, most: int) -> Float[Tensor, "n d"]:
    """Return, by place and depth before it, the share of paths from there to the end that go up next."""
    ways = torch.ones(most + 3, dtype=torch.float64)
    # Depth d is at d + 1; there are no ways from below 0 and from above the most, and none may end at 0.
    ways[[0, 1, -1]] = 0
    shares = torch.empty(length, most + 1)
    for place in reversed(range(length)):
        up, down = ways[2:], ways[:-2]
        shares[place] = (up / (up + down)).nan_to_num(0.0)
        ways[1:-1] = (up + down) / (up + down).max()
    return shares


def _match(depth: Int[Tensor, "b n"], opens: Bool[Tensor, "b n"], kind: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """Give each closing bracket the kind of the one it closes: the last before it that is at its level."""
    order = torch.where(opens, depth, depth + 1).sort(dim=1, stable=True).indices
    kind, opens = kind.gather(1, order), opens.gather(1, order)
    return torch.empty_like(kind).scatter_(1, order, torch.where(opens, kind, kind.roll(1, 1)))
