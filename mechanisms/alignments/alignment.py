"""The contract of an alignment function: a score for every pair of a query and a key."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from registry import Registered, Registry


class PairPositions(NamedTuple):
    """The positions of the queries and keys of one call, and how many keys each query may see under a causal mask."""

    query: Int[Tensor, "q"]
    key: Int[Tensor, "k"]
    visible: Int[Tensor, "q"]


class PredictedWindow(NamedTuple):
    """A window that an alignment predicts from the query: which keys are inside, and a factor on their weights."""

    allowed: Bool[Tensor, "b h q k"]
    factor: Float[Tensor, "b h q k"]


class Alignment(nn.Module, Registered, ABC):
    """Scores queries against keys, head by head. It never masks and never normalises.

    What depends on the query alone belongs in `project_query`, which runs once per query. What depends on the key alone
    belongs in `project_key`, which runs once per source. `score` computes what depends on both.
    """

    needs_history: ClassVar[bool] = False
    """The score depends on the weights of earlier steps, so the alignment runs only in a decoder that steps."""

    positional: ClassVar[bool] = False
    """The score depends on the key's position."""

    reads_content: bool = True
    """The score depends on the key's content. If it does not, a model needs no learned projection of the keys."""

    max_length: int | None = None
    """The largest number of key positions; None if there is no limit."""

    window: int | None = None
    """A query at position p reads only the keys from p - window to p + window; None if it reads all keys."""

    def __init__(self, heads: int, query_dim: int, key_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_dim = query_dim
        self.key_dim = key_dim

    def project_query(self, query: Float[Tensor, "b h q dq"]) -> Float[Tensor, "b h q a"]:
        return query

    def project_key(self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"]) -> Float[Tensor, "b h k a"]:
        return key

    @abstractmethod
    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        """Score the projected queries against the projected keys. A score depends only on its own query and key."""

    def predict_window(self, query: Float[Tensor, "b h q a"], positions: PairPositions) -> PredictedWindow | None:
        """Return the window that is predicted from the projected queries; None if the alignment predicts none."""
        return None

    @property
    def predicts_window(self) -> bool:
        return type(self).predict_window is not Alignment.predict_window

    @property
    def kernel_scale(self) -> float | None:
        """The scale, if `score` is an inner product that a fused kernel can compute; else None."""
        return None

    @property
    def pair_flops(self) -> int:
        """The floating-point operations of one score; a transcendental function counts as one."""
        return 2 * self.key_dim

    def flops(self, queries: int, keys: int) -> int:
        """Return the floating-point operations to project and score this many, in all heads of one example."""
        return self.heads * queries * keys * self.pair_flops


class InnerProduct(Alignment):
    """e = scale · ⟨query, key⟩ after the projections.

    A subclass that does not override `score` runs on a fused kernel.
    """

    scale: float = 1.0

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.scale * (query @ key.transpose(-2, -1))

    @property
    def kernel_scale(self) -> float | None:
        return self.scale if type(self).score is InnerProduct.score else None


ALIGNMENTS = Registry[Alignment](
    "alignment",
    "mechanisms.alignments",
    positional=3,
    properties=("reads_content", "positional", "needs_history"),
    checks="mechanisms.conformance.alignment",
)


def per_head(x: Float[Tensor, "b h n d"], weight: Float[Tensor, "h d a"]) -> Float[Tensor, "b h n a"]:
    """Multiply each head's vectors by that head's matrix."""
    # One head is an ordinary matrix product, which is fastest for a decoder that steps.
    # For several heads einsum, because matmul would copy the weights once per example.
    if weight.shape[0] == 1:
        return x @ weight[0]
    return torch.einsum("bhnd,hda->bhna", x, weight)


def require_equal_widths(name: str, query_dim: int, key_dim: int) -> None:
    if query_dim != key_dim:
        raise ValueError(
            f"{name} needs queries and keys of one width, and got {query_dim} and {key_dim}; "
            "'general' and 'additive' take different widths"
        )
