"""The contract of an alignment function: a score for every pair of a query and a key."""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from registry import Registered, Registry


class Place(NamedTuple):
    """Where the queries and keys of one call stand, and how many keys the causal mask lets each query see."""

    query: Int[Tensor, "q"]
    key: Int[Tensor, "k"]
    span: Int[Tensor, "q"]


class Focus(NamedTuple):
    """What an alignment that attends locally adds: keys that are out, and a factor on the weights of the others."""

    allowed: Bool[Tensor, "b h q k"]
    factor: Float[Tensor, "b h q k"]


class Alignment(nn.Module, Registered, ABC):
    """Scores queries against keys, head by head; it never masks and never normalises.

    What depends on one side alone belongs in `project_query` and `project_key`, which run once per query
    and once per source; `score` is left with what depends on both.
    """

    needs_history: ClassVar[bool] = False
    """The score depends on earlier steps' weights, so the alignment runs only where a decoder steps."""

    positional: ClassVar[bool] = False
    """The score depends on the key's position."""

    reads_content: bool = True
    """The score depends on the key's content. Where it does not, a host need not learn a map of the keys."""

    compiles: ClassVar[bool] = False
    """torch.compile(fullgraph=True) takes it; the conformance kit holds it to that."""

    max_length: int | None = None
    """The alignment knows so many key positions; None where any number will do."""

    window: int | None = None
    """A query at position p reads keys from p - window to p + window alone; None where it reads all."""

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
        """Score the projected queries against the projected keys. A score may depend on its own pair alone."""

    def focus(self, query: Float[Tensor, "b h q a"], place: Place) -> Focus | None:
        """Return where the projected queries look, if they choose that themselves."""
        return None

    @property
    def focuses(self) -> bool:
        return type(self).focus is not Alignment.focus

    @property
    def kernel_scale(self) -> float | None:
        """The scale of an inner product that a fused kernel computes; None where `score` is something else."""
        return None

    @property
    def pair_flops(self) -> int:
        """The floating-point operations of one score, a transcendental function counting as one."""
        return 2 * self.key_dim

    def flops(self, queries: int, keys: int) -> int:
        """Return the floating-point operations to project and score these many, in all heads of one row."""
        return self.heads * queries * keys * self.pair_flops


class InnerProduct(Alignment):
    """e = scale · ⟨query, key⟩ after the projections.

    Whoever leaves `score` as it is runs on one fused kernel.
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
)


def per_head(x: Float[Tensor, "b h n d"], weight: Float[Tensor, "h d a"]) -> Float[Tensor, "b h n a"]:
    """Multiply each head's vectors by that head's matrix."""
    # One head is an ordinary matrix product, and that is what a stepping decoder calls at every position.
    # Otherwise einsum, because matmul would copy the weights once per row of the batch.
    if weight.shape[0] == 1:
        return x @ weight[0]
    return torch.einsum("bhnd,hda->bhna", x, weight)


def require_equal_widths(name: str, query_dim: int, key_dim: int) -> None:
    if query_dim != key_dim:
        raise ValueError(
            f"{name} needs queries and keys of one width, and got {query_dim} and {key_dim}; "
            "'general' and 'additive' take different widths"
        )
