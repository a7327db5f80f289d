"""Adding: find two marked numbers in a long sequence and add them."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .spaces import Features, Scalar, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct

FIRST = 10
"""In the original data the first mark is at one of this many pairs."""


@TASKS.register("adding")
class Adding(Task):
    """`length` pairs of a value in [0, 1] and a mark, two of them marked: what is the sum of the two values?

    It measures memory and selection: two vectors have to be found among many, but neither their places nor their order
    change the answer.

    With length=6:

        source  (.31 0) (.92 1) (.05 0) (.77 0) (.40 1) (.63 0)
        query   ?
        answer  1.32

    Any two places are equally likely, as in Bai et al. and their code. The constant answer 1 has a mean squared error
    of 1/6, or 0.1667 (Bai et al. write 0.1767).

    `original` is the T of Hochreiter & Schmidhuber, and with it the data are theirs: T to T + T/10 pairs, values in
    [-1, 1], one mark among the first ten pairs and one among the first T/2 - 1 of the others, the mark -1 at the first
    and the last pair, and the answer 1/2 + a quarter of the sum. If the first pair is drawn, its value counts as zero.
    They call an answer wrong if its error is above .04. On the sum, which has twice the range, this bound is twice as
    strict.

    Source: Hochreiter & Schmidhuber 1997, section 5.4; Bai, Kolter, Koltun 2018 (arXiv 1803.01271), section 4.
    """

    family = "regression"
    necessary = True
    presets: ClassVar[Presets] = {
        **{
            f"hochreiter-{T}": {"original": T, "length": [T, T + T // 10], "test_lengths": [T, T + T // 10]}
            for T in (100, 500, 1000)
        },
        **{f"bai-{length}": {"length": length} for length in (200, 400, 600)},
    }

    def __init__(self, *, original: int | None = None) -> None:
        if original is not None and original <= FIRST:
            raise ValueError(f"original is {original}, but must be above {FIRST}")
        self.original = original
        self.source_space = Features(2)
        self.query_space = Tokens(1, "adding")
        self.target_space = Scalar()

    def check_length(self, length: int) -> None:
        least, reason = (2, "two pairs are marked") if self.original is None else (self.original, "that is `original`")
        if length < least:
            raise ValueError(f"length is {length}, but must be at least {least}: {reason}")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        values = torch.rand(size, length, generator=generator, device=generator.device)
        if self.original is None:
            places = draw_distinct(size, 2, length, generator)
        else:
            values, places = 2 * values - 1, self._original_places(self.original, size, generator)
        marks = torch.zeros_like(values).scatter_(1, places, 1.0)
        if self.original is not None:
            marks[:, [0, -1]] = -1.0
        query = torch.zeros(size, 1, dtype=torch.long, device=values.device)
        source = torch.stack([values, marks], dim=2)
        return Batch(
            source=source,
            query=query,
            target=self._sum(source),
            scored=torch.ones_like(query, dtype=torch.bool),
            links=(marks == 1).unsqueeze(1),
        )

    def chance(self, length: int) -> float:
        if self.original is None:
            return 1 / 6  # the variance of the sum of two independent uniform numbers, 2/12
        # A value in [-1, 1] has variance 1/3, and a quarter of it 1/48. At the first pair a mark counts as zero.
        return (2 - 1 / FIRST - (1 - 1 / FIRST) / (self.original // 2 - 1)) / 48

    def ceiling(self, length: int) -> float:
        return 0.0

    def _original_places(self, least: int, size: int, generator: torch.Generator) -> Int[Tensor, "b 2"]:
        device = generator.device
        first = torch.randint(FIRST, (size, 1), generator=generator, device=device)
        second = torch.randint(least // 2 - 1, (size, 1), generator=generator, device=device)
        # `second` numbers the pairs without the first one.
        return torch.cat([first, second + (second >= first)], dim=1)

    def _sum(self, source: Float[Tensor, "b s 2"]) -> Float[Tensor, "b 1"]:
        total = (source[..., 0] * (source[..., 1] == 1)).sum(1, keepdim=True)
        return total if self.original is None else 0.5 + total / 4

    def answer(self, batch: Batch) -> Tensor:
        return self._sum(batch.source)

    def words(self, part: Part) -> list[str]:
        return ["?"] if part == "query" else []
