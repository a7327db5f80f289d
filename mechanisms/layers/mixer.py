"""What mixes a sequence with a state of fixed size, in attention's place in a block."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from ..attention.state import State


class Mixer(nn.Module, ABC):
    """Mixes each position with those before it, carrying a state whose size does not grow with the length."""

    @abstractmethod
    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], State]:
        """Read a whole sequence, which may be empty; return the outputs, and the state behind the last position."""

    @abstractmethod
    def step(self, x: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        """Read one position more: the formula itself, and to rounding what `prefill` gives there."""

    @abstractmethod
    def flops(self, length: int) -> int:
        """Return the operations of `prefill` on one row, counted as in SequenceModel."""

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.prefill(x)[0]
