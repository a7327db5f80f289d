"""Induction: which symbol came after this token before?"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform


@TASKS.register("induction")
class Induction(Task):
    """`length` random symbols, one of them replaced by a trigger: which symbol came after the trigger?

    It measures whether a model joins a symbol with the one before it: the pairs of neighbours, without their order, are
    sufficient to answer.

    With symbols=8 and length=8 ("!" is the trigger):

        source  3 1 7 ! 4 1 0 6
        query   !
        answer  4

    Named after the induction heads of Olsson et al. 2022 (arXiv 2209.11895). Published with a vocabulary of 16, 256
    positions in training and 2^6 to 2^20 in tests (here to 2^12). The publication does not say whether the trigger is
    among the 16; here it is not. The place of the trigger is uniform over all but the last.

    Source: Gu & Dao 2023, "Mamba" (arXiv 2312.00752), section 4.1.2.
    """

    family = "recall"
    points = True
    necessary = True
    presets: ClassVar[Presets] = {"mamba": {"length": 256, "test_lengths": [2**power for power in range(6, 13)]}}

    def __init__(self, *, symbols: int = 16) -> None:
        if symbols < 2:
            raise ValueError(f"symbols is {symbols}, but must be at least 2, or the answer is always the same")
        self.symbols, self.trigger = symbols, symbols
        self.source_space = self.query_space = Tokens(symbols + 1, "induction")
        self.target_space = Classes(symbols)

    def check_length(self, length: int) -> None:
        if length < 2:
            raise ValueError(f"length is {length}, but must be at least 2, for the trigger and the symbol after it")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        source = torch.randint(self.symbols, (size, length), generator=generator, device=device)
        place = torch.randint(length - 1, (size, 1), generator=generator, device=device)
        target = source.gather(1, place + 1)
        links = torch.zeros(size, 1, length, dtype=torch.bool, device=device)
        return Batch(
            source=source.scatter_(1, place, self.trigger),
            query=torch.full_like(target, self.trigger),
            target=target,
            scored=torch.ones_like(target, dtype=torch.bool),
            links=links.scatter_(2, (place + 1).unsqueeze(2), True),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.symbols)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        follows_trigger = batch.source[:, :-1] == batch.query
        return (follows_trigger * batch.source[:, 1:]).sum(1, keepdim=True)

    def words(self, part: Part) -> list[str]:
        symbols = [str(number) for number in range(self.symbols)]
        return symbols if part == "target" else [*symbols, "!"]
