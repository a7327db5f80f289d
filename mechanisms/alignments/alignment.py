"""The contract of an alignment function: a score for every pair of a query and a key."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from registry import Registry


class Alignment(nn.Module, ABC):
    """Scores queries against keys, head by head; it never masks and never normalises.

    What depends on one side alone belongs in `project_query` and `project_key`, which run once per query
    and once per source; `score` is left with what depends on both.
    """

    needs_history: ClassVar[bool] = False
    """The score depends on earlier steps' weights, so the alignment runs only where a decoder steps."""

    positional: ClassVar[bool] = False
    """The score depends on the key's position."""

    reads_keys: ClassVar[bool] = True
    """The score depends on the key's content. Where it does not, a host need not learn a map of the keys."""

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


class InnerProduct(Alignment):
    """e = scale · ⟨query, key⟩ after the projections.

    Whoever leaves `score` as it is runs on one fused kernel.
    """

    scale: float = 1.0

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        return self.scale * (query @ key.transpose(-2, -1))


ALIGNMENTS = Registry[Alignment]("alignment", "mechanisms.alignments")


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
