"""Dyck: which bracket is still open?"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform


@TASKS.register("dyck")
class Dyck(Task):
    """`length` brackets of `kinds` kinds, some of them not closed yet: which kind must close next?

    It measures memory of the last few brackets first: in most sources they include the one that must close, and only in
    the others must a model look back further.

    With length=8:

        source  ( [ ( ) ( [ ] )
        query   ?
        answer  ]

    The source is a prefix of a word of the Dyck language (Chomsky & Schützenberger 1963), with a bound on the depth of
    Dyck-(kinds, max_depth). To close the innermost bracket, a model must remember it, as in the publication and in
    Suzgun et al. 2019 (arXiv 1911.03329). All sequences of `length` opening and closing brackets with a depth between 0
    and `max_depth` (0: no bound), and above 0 at the end, are equally likely, and so are the kinds of each pair. There
    is one query, at the end of the source.

    The presets have the published kinds, depths and lengths, and other distributions. Hewitt et al. sample whole words
    by random walks; their lengths of 84 and 180 count an end symbol. Suzgun et al. sample whole words from a grammar,
    S → (S) with probability 1/2, SS 1/4 or nothing 1/4, keep no word twice, and score every bracket.

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
            raise ValueError(f"kinds is {kinds}, but must be at least 2, or the answer is always the same")
        if max_depth < 0:
            raise ValueError(f"max_depth is {max_depth}, but must be at least 1, or 0 for no bound")
        self.kinds, self.max_depth, self.mark = kinds, max_depth, 2 * kinds
        self.source_space = self.query_space = Tokens(2 * kinds + 1, "dyck")
        self.target_space = Classes(kinds)

    def check_length(self, length: int) -> None:
        super().check_length(length)
        if self.max_depth == 1 and length % 2 == 0:
            raise ValueError(f"length is {length}, but must be odd with max_depth=1, or no bracket is open at the end")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        depth = self._depths(length, size, generator)
        opens = depth.diff(dim=1, prepend=torch.zeros_like(depth[:, :1])) > 0
        draw = torch.randint(self.kinds, depth.shape, generator=generator, device=depth.device)
        kind = _match(depth, opens, draw)
        # The innermost open bracket is the last one that opened at the depth at the end of the source.
        place = torch.arange(length, device=depth.device)
        innermost = torch.where(opens & (depth == depth[:, -1:]), place, -1).amax(1, keepdim=True)
        return Batch(
            source=torch.where(opens, kind, kind + self.kinds),
            query=depth.new_full((size, 1), self.mark),
            target=kind.gather(1, innermost),
            scored=torch.ones_like(innermost, dtype=torch.bool),
            links=(place == innermost).unsqueeze(1),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.kinds)

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
        """Sample the depth after each bracket. It depends on the depth before, so brackets are sampled one by one."""
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
    """Return the probability that a bracket opens, by its place and the depth before it."""
    ways = torch.ones(most + 3, dtype=torch.float64)
    # Depth d has index d + 1. No sequence goes on from below 0 or above the most, and none may end at 0.
    ways[[0, 1, -1]] = 0
    shares = torch.empty(length, most + 1)
    for place in reversed(range(length)):
        up, down = ways[2:], ways[:-2]
        shares[place] = (up / (up + down)).nan_to_num(0.0)
        ways[1:-1] = (up + down) / (up + down).max()
    return shares


def _match(depth: Int[Tensor, "b n"], opens: Bool[Tensor, "b n"], kind: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """Give each closing bracket the kind of the one that it closes, the last one before it at its level."""
    order = torch.where(opens, depth, depth + 1).sort(dim=1, stable=True).indices
    kind, opens = kind.gather(1, order), opens.gather(1, order)
    return torch.empty_like(kind).scatter_(1, order, torch.where(opens, kind, kind.roll(1, 1)))
