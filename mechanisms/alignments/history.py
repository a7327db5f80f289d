"""What the alignments share that look at the weights of earlier steps."""

from abc import abstractmethod
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from .alignment import Alignment


@dataclass(frozen=True, eq=False)
class History:
    """What earlier steps looked at: the last weights, and the sum of all."""

    previous: Float[Tensor, "b h k"]
    total: Float[Tensor, "b h k"]

    def after(self, weights: Float[Tensor, "b h k"]) -> "History":
        return History(weights, self.total + weights)


class HistoryAlignment(Alignment):
    """Scores with what earlier steps looked at; it runs in a decoder that steps over one source."""

    needs_history = True
    compiles = False

    def begin(self, key: Float[Tensor, "b h k a"]) -> History:
        """Return the history before the first step, over projected keys."""
        nothing = key.new_zeros(key.shape[:3])
        return History(nothing, nothing)

    def score(self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h q k"]:
        """Score as a first step does, before there is a history."""
        return self.score_after(query, key, self.begin(key))

    @abstractmethod
    def score_after(
        self, query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], history: History
    ) -> Float[Tensor, "b h q k"]: ...
