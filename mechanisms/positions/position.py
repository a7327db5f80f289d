"""The contract of a position scheme: it marks embeddings with where they stand."""

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Registry


class Position(nn.Module, ABC):
    """Marks each vector of a sequence with its position."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]: ...


POSITIONS = Registry[Position]("position", "mechanisms.positions")
