"""What the unrolled decoders step through: attention and a cell, each with a backward pass that is written out.

Both go forward step by step, then backward in the opposite order, and then return the gradients of what is the same at
every step: one product over all steps makes the gradient of a weight. Inside, steps come first: "q b d".
"""

from abc import ABC, abstractmethod
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from .context_cells import CellState, ContextCell

Gradients: TypeAlias = tuple[Tensor | None, ...]

softmax_backward = torch.ops.aten._softmax_backward_data.default


class Attending(ABC):
    """Softmax attention to the same keys at every step. A query is W s + b, or s if there is no W."""

    def __init__(
        self, steps: int, keys: Tensor, values: Tensor, w: Tensor | None, b: Tensor | None, v: Tensor | None
    ) -> None:
        self.keys, self.values, self.w, self.b, self.v = keys, values, w, b, v
        rows, count, width = keys.shape
        self.weights = keys.new_empty(steps, rows, count)
        self.states = keys.new_empty(steps, rows, width if w is None else w.shape[0])
        self.to_queries = keys.new_empty(steps, rows, width)
        self.to_contexts = keys.new_empty(steps, rows, values.shape[2])

    @abstractmethod
    def score(self, t: int, query: Float[Tensor, "b a"]) -> Float[Tensor, "b k"]: ...

    @abstractmethod
    def score_backward(self, t: int, to_scores: Float[Tensor, "b k"]) -> Float[Tensor, "b a"]:
        """Return the gradient of the query."""

    @abstractmethod
    def score_gradients(self) -> tuple[Tensor, Tensor | None]:
        """Return the gradients of the keys and of v."""

    def forward(self, t: int, state: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        self.states[t] = state
        query = state if self.w is None else state @ self.w if self.b is None else torch.addmm(self.b, state, self.w)
        self.weights[t] = self.score(t, query).softmax(1)
        return rows_times(self.weights[t], self.values)

    def backward(self, t: int, to_context: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Return the gradient of the state."""
        self.to_contexts[t] = to_context
        to_weights = rows_times(to_context, self.values.transpose(1, 2))
        to_scores = softmax_backward(to_weights, self.weights[t], 1, to_weights.dtype)
        to_query = self.score_backward(t, to_scores)
        self.to_queries[t] = to_query
        return to_query if self.w is None else to_query @ self.w.t()

    def gradients(self) -> Gradients:
        """Return the gradients of keys, values, w, b and v."""
        to_keys, to_v = self.score_gradients()
        to_values = torch.bmm(self.weights.permute(1, 2, 0), self.to_contexts.transpose(0, 1))
        to_w = None if self.w is None else over_steps(self.states, self.to_queries)
        to_b = None if self.b is None else self.to_queries.sum((0, 1))
        return to_keys, to_values, to_w, to_b, to_v


class ProductAttending(Attending):
    """score = ⟨query, key⟩"""

    def __init__(
        self, steps: int, keys: Tensor, values: Tensor, w: Tensor | None, b: Tensor | None, v: Tensor | None
    ) -> None:
        super().__init__(steps, keys, values, w, b, v)
        self.queries = torch.empty_like(self.to_queries)
        self.to_scores = torch.empty_like(self.weights)

    def score(self, t: int, query: Float[Tensor, "b a"]) -> Float[Tensor, "b k"]:
        self.queries[t] = query
        return rows_times(query, self.keys.transpose(1, 2))

    def score_backward(self, t: int, to_scores: Float[Tensor, "b k"]) -> Float[Tensor, "b a"]:
        self.to_scores[t] = to_scores
        return rows_times(to_scores, self.keys)

    def score_gradients(self) -> tuple[Tensor, Tensor | None]:
        return torch.bmm(self.to_scores.permute(1, 2, 0), self.queries.transpose(0, 1)), None


class TanhAttending(Attending):
    """score = vᵀ σ(query + key): half of vᵀ tanh((query + key) / 2), but for a number that softmax takes out

    The sigmoids of a step are computed again in the backward pass: they stay in the processor's cache, and to write
    those of all steps to memory takes longer.
    """

    def __init__(
        self, steps: int, keys: Tensor, values: Tensor, w: Tensor | None, b: Tensor | None, v: Tensor | None
    ) -> None:
        super().__init__(steps, keys, values, w, b, v)
        assert v is not None
        self.learned, self.to_v = v, torch.zeros_like(v)
        self.queries = torch.empty_like(self.to_queries)
        self.block, self.to_keys = torch.empty_like(keys), torch.zeros_like(keys)

    def _sigmoids(self, query: Float[Tensor, "b a"]) -> Float[Tensor, "b k a"]:
        return torch.add(query[:, None], self.keys, out=self.block).sigmoid_()

    def score(self, t: int, query: Float[Tensor, "b a"]) -> Float[Tensor, "b k"]:
        self.queries[t] = query
        return self._sigmoids(query) @ self.learned

    def score_backward(self, t: int, to_scores: Float[Tensor, "b k"]) -> Float[Tensor, "b a"]:
        sigmoids = self._sigmoids(self.queries[t])
        self.to_v.addmv_(sigmoids.flatten(0, 1).t(), to_scores.flatten())
        # The derivative of a sigmoid σ is σ - σ². The factor v, the same for all, comes at the end.
        slopes = sigmoids.addcmul_(sigmoids, sigmoids, value=-1).mul_(to_scores[:, :, None])
        self.to_keys += slopes
        return slopes.sum(1).mul_(self.learned)

    def score_gradients(self) -> tuple[Tensor, Tensor | None]:
        found = self.to_keys * self.learned, self.to_v.clone()
        # A second backward pass through the same graph starts from zero.
        self.to_keys.zero_()
        self.to_v.zero_()
        return found


class Stepping:
    """A cell that reads x_t, which is multiplied already, and a context vector."""

    def __init__(self, cell: ContextCell, x: Tensor, w_c: Tensor, w_h: Tensor, b: Tensor) -> None:
        self.cell, self.x, self.w_c, self.w_h, self.b = cell, x, w_c, w_h, b
        steps, rows = x.shape[:2]
        self.kept: list[CellState] = []
        self.contexts, self.states = x.new_empty(steps, rows, len(w_c)), x.new_empty(steps, rows, len(w_h))
        self.to_read, self.to_hidden = torch.empty_like(x), torch.empty_like(x)

    def forward(self, t: int, context: Float[Tensor, "b d"], state: CellState) -> CellState:
        self.contexts[t], self.states[t] = context, state[0]
        read, hidden = torch.addmm(self.x[t], context, self.w_c), torch.addmm(self.b, state[0], self.w_h)
        after, kept = self.cell.gates(read, hidden, state)
        self.kept.append(kept)
        return after

    def backward(self, t: int, to_state: CellState) -> tuple[Float[Tensor, "b d"], CellState]:
        """Return the gradients of the context vector and of the state before."""
        to_read, to_hidden, (to_first, *rest) = self.cell.gates_backward(self.kept[t], to_state)
        self.to_read[t], self.to_hidden[t] = to_read, to_hidden
        return to_read @ self.w_c.t(), (to_first.addmm_(to_hidden, self.w_h.t()), *rest)

    def gradients(self) -> Gradients:
        """Return the gradients of x, w_c, w_h and b."""
        to_w_c, to_w_h = over_steps(self.contexts, self.to_read), over_steps(self.states, self.to_hidden)
        return self.to_read, to_w_c, to_w_h, self.to_hidden.sum((0, 1))


def over_steps(x: Float[Tensor, "q b m"], to_y: Float[Tensor, "q b n"]) -> Float[Tensor, "m n"]:
    """Return the gradient of W in y = x W."""
    return x.flatten(0, 1).t() @ to_y.flatten(0, 1)


def rows_times(x: Float[Tensor, "b m"], matrix: Float[Tensor, "b m n"]) -> Float[Tensor, "b n"]:
    """Return the product of each row with its matrix. (A product of a matrix with a column takes six times as long.)"""
    return torch.bmm(x[:, None], matrix)[:, 0]
