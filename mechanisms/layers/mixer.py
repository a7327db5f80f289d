"""What mixes a sequence with a state of fixed size, in the Transformer's block."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from ..attention.state import State
from .block import feed_forward


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


class Block(nn.Module):
    def __init__(self, width: int, mixer: nn.Module, expansion: float) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width)
        self.mixer = mixer
        self.norm_2 = nn.LayerNorm(width)
        self.feed_forward = feed_forward(width, round(expansion * width), nn.GELU())

    def forward(self, x: Float[Tensor, "b n d"], first: int) -> Float[Tensor, "b q d"]:
        """Return the outputs from position `first` on."""
        mixed = self.mixer(self.norm_1(x))
        return self.finish(x[:, first:], mixed[:, first:])

    def finish(self, x: Float[Tensor, "*b d"], mixed: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        y = x + mixed
        output: Tensor = y + self.feed_forward(self.norm_2(y))
        return output
