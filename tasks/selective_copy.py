"""Selective copy: remember the symbols and ignore the blanks between them."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct, uniform


@TASKS.register("selective_copy")
class SelectiveCopy(Task):
    """`items` random symbols at random places among `length`, the rest blanks; at the marks, output them in order.

    With items=3, symbols=8 and length=7 ("_" is a blank, "?" a mark):

        source  _ 5 _ _ 2 5 _
        query   ? ? ?
        answer  5 2 5

    All choices of places are equally likely. Published with length 4096, 16 items and 16 tokens, one of them the blank.

    With `inserted` each blank is put before one of the items, all of them equally likely, so that no blank follows the
    last item, and the gaps have a standard deviation of 3.6 in place of 12.8 with the preset `mad`. That is the rule of
    Poli et al. 2024 (MAD, arXiv 2403.17844), who have 14 symbols and 256 positions: these 239, one copy token, and 16
    blanks in place of the marks.

    Source: Gu & Dao 2023, "Mamba" (arXiv 2312.00752), section 4.1.1.
    """

    family = "memory"
    points = True
    necessary = True
    presets: ClassVar[Presets] = {
        "mamba-4096": {"items": 16, "symbols": 15, "length": 4096},
        "mad": {"items": 16, "symbols": 14, "length": 239, "inserted": True},
    }

    def __init__(self, *, items: int = 8, symbols: int = 16, inserted: bool = False) -> None:
        if items < 1 or symbols < 2:
            raise ValueError(f"selective copy needs items >= 1 and symbols >= 2, not {items} and {symbols}")
        self.items, self.symbols, self.inserted = items, symbols, inserted
        self.blank, self.mark = symbols, symbols + 1
        self.source_space = self.query_space = Tokens(symbols + 2, "selective_copy")
        self.target_space = Classes(symbols)

    def check_length(self, length: int) -> None:
        if length < self.items:
            raise ValueError(f"length is {length}, but must be at least {self.items}, one position for each item")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        symbols = torch.randint(self.symbols, (size, self.items), generator=generator, device=device)
        places = self._places(length, size, generator)
        links = torch.zeros(size, self.items, length, dtype=torch.bool, device=device)
        return Batch(
            source=symbols.new_full((size, length), self.blank).scatter_(1, places, symbols),
            query=torch.full_like(symbols, self.mark),
            target=symbols,
            scored=torch.ones_like(symbols, dtype=torch.bool),
            links=links.scatter_(2, places.unsqueeze(2), True),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.symbols)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        is_symbol = (batch.source >= 0) & (batch.source < self.symbols)
        symbols_first = (~is_symbol).byte().argsort(dim=1, stable=True)
        return batch.source.gather(1, symbols_first[:, : self.items])

    def _places(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b items"]:
        """Return the places of the items, in order."""
        if not self.inserted:
            return draw_distinct(size, self.items, length, generator).sort(1).values
        before = torch.randint(self.items, (size, length - self.items), generator=generator, device=generator.device)
        blanks = before.new_zeros(size, self.items).scatter_add_(1, before, torch.ones_like(before))
        return blanks.cumsum(1) + torch.arange(self.items, device=generator.device)

    def words(self, part: Part) -> list[str]:
        symbols = [str(number) for number in range(self.symbols)]
        return symbols if part == "target" else [*symbols, "_", "?"]
