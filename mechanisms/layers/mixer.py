"""The contract of a mixer: it takes the place of attention in a block, and has a state of fixed size."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from ..attention.state import State


class Mixer(nn.Module, ABC):
    """Mixes each position with those before it. The size of its state does not grow with the length."""

    @abstractmethod
    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], State]:
        """Read a whole sequence, which may be empty; return the outputs, and the state after the last position."""

    @abstractmethod
    def step(self, x: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        """Read one more position, as the formula says. The output equals that of `prefill` up to rounding."""

    @abstractmethod
    def flops(self, length: int) -> int:
        """Return the floating-point operations of `prefill` on one example, counted as in SequenceModel."""

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.prefill(x)[0]
