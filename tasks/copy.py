"""Copy: remember symbols over a delay."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task, uniform


@TASKS.register("copy")
class Copy(Task):
    """`items` random symbols, then `length` blanks; at the query marks, output the symbols again, in order.

    With items=4, symbols=8 and length=3 ("_" is a blank, "?" a mark):

        source  3 1 7 1 _ _ _
        query   ? ? ? ?
        answer  3 1 7 1

    Source and query together have length + 2 * items positions, as published. There length - 1 blanks and one mark
    follow the symbols, and the queries are blanks. The published loss is a mean over all positions: without memory it
    is items * ln(symbols) / (length + 2 * items). Here the mean is over the queries, and without memory the loss is
    ln(symbols). Bai, Kolter, Koltun 2018 (arXiv 1803.01271) use up to 2000 blanks.

    Source: Arjovsky, Shah, Bengio 2015, "Unitary evolution recurrent neural networks" (arXiv 1511.06464), section 5.1.
    """

    family = "memory"
    points = True
    necessary = True
    presets: ClassVar[Presets] = {
        **{f"arjovsky-{blanks}": {"length": blanks} for blanks in (100, 200, 300, 500)},
        "bai-1000": {"length": 1000},
    }

    def __init__(self, *, items: int = 10, symbols: int = 8) -> None:
        if items < 1 or symbols < 2:
            raise ValueError(f"copy needs items >= 1 and symbols >= 2, not {items} and {symbols}")
        self.items, self.symbols = items, symbols
        self.blank, self.mark = symbols, symbols + 1
        self.source_space = self.query_space = Tokens(symbols + 2, "copy")
        self.target_space = Classes(symbols)

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        symbols = torch.randint(self.symbols, (size, self.items), generator=generator, device=device)
        source = torch.cat([symbols, symbols.new_full((size, length), self.blank)], dim=1)
        links = torch.eye(self.items, self.items + length, dtype=torch.bool, device=device)
        return Batch(
            source=source,
            query=torch.full_like(symbols, self.mark),
            target=symbols,
            scored=torch.ones_like(symbols, dtype=torch.bool),
            links=links.expand(size, -1, -1),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(self.symbols)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        return batch.source[:, : self.items]

    def words(self, part: Part) -> list[str]:
        return [*map(str, range(self.symbols)), "_", "?"]
