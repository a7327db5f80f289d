"""The contract of a position scheme: it tells a model that mixes sets where each of their members stands."""

from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Registered, Registry


class Position(nn.Module, Registered):
    """Marks positions in one of three places, each of which does nothing unless overridden.

    `embed` marks the embeddings before the first layer, `rotate` each head's queries and keys before the alignment,
    and `bias` is added to the scores. One scheme serves all layers of a model. `causal` says whether queries see
    only what stands before them.
    """

    max_length: int | None = None
    """The scheme knows so many positions; None where any number will do."""

    compiles: ClassVar[bool] = False
    """torch.compile(fullgraph=True) takes it; the conformance kit holds it to that."""

    def __init__(self, width: int, heads: int = 1, causal: bool = True) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.causal = causal

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x

    def rotate(self, x: Float[Tensor, "b h n p"], position: Int[Tensor, "n"]) -> Float[Tensor, "b h n p"]:
        """`h` may be fewer than `heads`, where several query heads share a key."""
        return x

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"] | None:
        """Return what is added to the scores of the queries and keys at these positions, or None for nothing."""
        return None

    @classmethod
    def rotates(cls) -> bool:
        return cls.rotate is not Position.rotate

    @classmethod
    def biases(cls) -> bool:
        return cls.bias is not Position.bias

    def mark(self, x: Float[Tensor, "b n d"], first: int = 0) -> Float[Tensor, "b n d"]:
        """Embed vectors that stand at the positions first, first + 1, ...; models call this, schemes leave it alone.

        Raises ValueError beyond `max_length`.
        """
        self.require(first + x.shape[1])
        marked = self.embed(x, torch.arange(first, first + x.shape[1], device=x.device))
        # Numbers made of integer positions come in float32, and would lift half precision to it.
        return marked.to(x.dtype)

    def require(self, length: int) -> None:
        """Raise ValueError where the scheme does not reach to `length` positions."""
        if self.max_length is not None and length > self.max_length:
            raise ValueError(
                f"{type(self).__name__} knows max_length = {self.max_length} positions, and the sequence has "
                f"{length}; raise max_length"
            )


POSITIONS = Registry[Position]("position", "mechanisms.positions", positional=3)
