"""Adding: find two marked numbers in a long sequence and add them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from .spaces import Features, Scalar, Tokens
from .task import TASKS, Batch, Part, Presets, Task


@TASKS.register("adding")
class Adding(Task):
    """`length` pairs (value in [0, 1], mark), with one value marked in each half: what is the sum of the two?

    With length=6:

        source  (.31 0) (.92 1) (.05 0) (.77 0) (.40 1) (.63 0)
        query   ?
        answer  1.32

    The constant answer 1 has a mean squared error of 1/6. An answer with an error above .04 is wrong (Hochreiter &
    Schmidhuber).

    Source: Hochreiter & Schmidhuber 1997, as stated by Bai, Kolter, Koltun 2018 (arXiv 1803.01271), section 4.
    """

    family = "regression"
    necessary = True
    presets: ClassVar[Presets] = {
        **{f"hochreiter-{length}": {"length": length} for length in (100, 500, 1000)},
        **{f"bai-{length}": {"length": length} for length in (200, 400, 600)},
    }

    def __init__(self) -> None:
        self.source_space = Features(2)
        self.query_space = Tokens(1, "adding")
        self.target_space = Scalar()

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but must be at least 2: one value is marked in each half")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device, half = generator.device, length // 2
        values = torch.rand(size, length, generator=generator, device=device)
        first = torch.randint(half, (size, 1), generator=generator, device=device)
        second = torch.randint(half, length, (size, 1), generator=generator, device=device)
        marked = torch.zeros(size, length, dtype=torch.bool, device=device)
        marked.scatter_(1, torch.cat([first, second], dim=1), True)
        query = torch.zeros(size, 1, dtype=torch.long, device=device)
        return Batch(
            source=torch.stack([values, marked.to(values.dtype)], dim=2),
            query=query,
            target=(values * marked).sum(1, keepdim=True),
            scored=torch.ones_like(query, dtype=torch.bool),
            links=marked.unsqueeze(1),
        )

    def chance(self, length: int) -> float:
        return 1 / 6  # the variance of the sum of two independent uniform numbers, 2/12

    def ceiling(self, length: int) -> float:
        return 0.0

    def answer(self, batch: Batch) -> Tensor:
        return batch.source.prod(2).sum(1, keepdim=True)

    def words(self, part: Part) -> list[str]:
        return ["?"] if part == "query" else []
