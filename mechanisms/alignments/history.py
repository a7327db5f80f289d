"""The contract of an alignment that reads the attention weights of earlier steps."""

from abc import abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from .alignment import Alignment


@dataclass(frozen=True, eq=False)
class AttentionHistory:
    """The attention weights of the last step, and the sum of the weights of all steps so far."""

    previous: Float[Tensor, "b h k"]
    total: Float[Tensor, "b h k"]

    def after(self, weights: Float[Tensor, "b h k"]) -> "AttentionHistory":
        return AttentionHistory(weights, self.total + weights)


class HistoryAlignment(Alignment):
    """Scores with the attention weights of earlier steps. It runs only in a decoder that steps over one source."""

    needs_history = True

    def begin(self, key: Float[Tensor, "b h k a"]) -> AttentionHistory:
        """Return the history before the first step, for these projected keys."""
        return AttentionHistory(key.new_zeros(key.shape[:3]), key.new_zeros(key.shape[:3]))

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        """Return the scores of a first step, which has no history."""
        return self.score_after(query, key, self.begin(key))

    @abstractmethod
    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: AttentionHistory
    ) -> Float[Tensor, "b h q k"]: ...
