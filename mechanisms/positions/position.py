"""The contract of a position scheme: it encodes positions for a model that does not depend on order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Registered, Registry

INITIAL_STD = 2**-0.5
"""The initial standard deviation of what a scheme learns to add: embeddings and scores have a variance of about 1, and
sinusoidal positions have 1/2."""


class Position(nn.Module, Registered):
    """Encodes positions in one of three ways; each method does nothing unless overridden.

    `embed` changes the embeddings before the first layer, `rotate` changes each head's queries and keys before the
    alignment, and `bias` is added to the scores. All layers of a model share one scheme. `causal` says whether a query
    sees only its own and earlier positions.
    """

    max_length: int | None = None
    """The largest number of positions; None if there is no limit."""

    def __init__(self, width: int, heads: int = 1, causal: bool = True) -> None:
        super().__init__()
        self.width = width
        self.heads = heads
        self.causal = causal

    def embed(self, x: Float[Tensor, "b n d"], position: Int[Tensor, "n"]) -> Float[Tensor, "b n d"]:
        return x

    def rotate(self, x: Float[Tensor, "b h n p"], position: Int[Tensor, "n"]) -> Float[Tensor, "b h n p"]:
        """Return the rotated vectors; `h` may be less than `heads`, if several query heads share a key head."""
        return x

    def bias(self, query: Int[Tensor, "q"], key: Int[Tensor, "k"]) -> Float[Tensor, "h q k"] | None:
        """Return what is added to the scores of queries and keys at these positions; None for nothing."""
        return None

    @classmethod
    def rotates(cls) -> bool:
        return cls.rotate is not Position.rotate

    @classmethod
    def biases(cls) -> bool:
        return cls.bias is not Position.bias

    def embed_from(self, x: Float[Tensor, "b n d"], first: int = 0) -> Float[Tensor, "b n d"]:
        """Embed vectors at the positions first, first + 1, ...; models call this, and schemes override `embed`.

        Raises ValueError beyond `max_length`.
        """
        self.require_length(first + x.shape[1])
        embedded = self.embed(x, torch.arange(first, first + x.shape[1], device=x.device))
        # What is computed from integer positions is float32, and would turn half precision into float32.
        return embedded.to(x.dtype)

    def require_length(self, length: int) -> None:
        """Raise ValueError if the scheme has fewer than `length` positions."""
        if self.max_length is not None and length > self.max_length:
            raise ValueError(
                f"{type(self).__name__} has max_length = {self.max_length} positions, and the sequence has "
                f"{length}; raise max_length"
            )


POSITIONS = Registry[Position](
    "position", "mechanisms.positions", positional=3, checks="mechanisms.conformance.position"
)
