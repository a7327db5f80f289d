"""c = a V, a = normalizer(score(q, K) + bias, masked): score, mask, normalise, read

Only this module decides how attention is computed:

- fused: one kernel, for an inner product with softmax; with a window, one block of queries at a time;
- streamed: one block of queries at a time, recomputed in the backward pass, if the intermediate result would be large;
- plain: all queries at once; always if the weights are traced.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..alignments import Alignment, AttentionHistory, HistoryAlignment, PairPositions
from ..normalizers import Normalizer
from ..normalizers.softmax import Softmax
from ..positions import Position
from .fused import fused
from .masks import FULL, Mask
from .streamed import stream

PLAIN_BYTES = 64 * 2**20
"""The largest intermediate result that is kept whole: below it memory is no concern, and recomputing costs time."""

BLOCK_BYTES = 16 * 2**20
"""The intermediate result of one streamed block. Measured on two CPU cores: with 1 MiB the overhead of the blocks
doubles the time, and with 64 MiB the allocator returns the memory after each block, which doubles it too."""


class Attention(nn.Module):
    """Returns context vectors: sums of values, weighted by an alignment and a normalizer.

    With `groups` > 1, that number of query heads shares one key head (Ainslie et al. 2023, arXiv 2305.13245). They also
    share the parameters of the alignment, which are per key head.
    """

    def __init__(
        self, alignment: Alignment, normalizer: Normalizer, position: Position | None = None, groups: int = 1
    ) -> None:
        super().__init__()
        self.alignment = alignment
        self.normalizer = normalizer
        self.position = position
        self.groups = groups
        self.plain_bytes = PLAIN_BYTES
        self.block_bytes = BLOCK_BYTES
        self.path = ""
        """The path of the last call: "fused", "streamed" or "plain"."""
        self.tracing = False
        self.weights: Tensor | None = None
        """The detached weights "b h q k" of the last traced call; see `traced`."""

    def project_keys(self, key: Float[Tensor, "b h k dk"], first: int = 0) -> Float[Tensor, "b h k a"]:
        """Project keys at the positions first, first + 1, ...: once, however often they are attended to.

        Raises ValueError if there are more positions than the alignment or the position scheme has.
        """
        length = first + key.shape[2]
        if self.alignment.max_length is not None and length > self.alignment.max_length:
            raise ValueError(
                f"{type(self.alignment).__name__} has max_length = {self.alignment.max_length} positions, and the "
                f"sequence has {length}; raise max_length"
            )
        position = torch.arange(first, length, device=key.device)
        if self.position is not None:
            self.position.require_length(length)
            key = self.position.rotate(key, position)
        return self.alignment.project_key(key, position)

    def forward(
        self,
        query: Float[Tensor, "b hq q dq"],
        keys: Float[Tensor, "b h k a"],
        value: Float[Tensor, "b h k dv"],
        mask: Mask = FULL,
    ) -> Float[Tensor, "b hq q dv"]:
        """Attend to keys that `project_keys` has projected. Raises TypeError for an alignment that needs history."""
        if isinstance(self.alignment, HistoryAlignment):
            raise TypeError(f"{type(self.alignment).__name__} needs the weights of earlier steps: call `next`")
        mask = self._narrowed(mask)
        query = self._project(query, keys, mask)
        self.path = self._choose(query, keys, mask)
        if self.path == "fused":
            assert self.alignment.kernel_scale is not None
            return fused(query, keys, value, mask, self.alignment.kernel_scale, self._bias, self.block_bytes)
        if self.path == "streamed":
            return self._streamed(query, keys, value, mask)
        return self._plain(query, keys, value, mask)

    def begin(self, keys: Float[Tensor, "b h k a"]) -> AttentionHistory | None:
        """Return the history before the first step, if the alignment needs one."""
        return self.alignment.begin(keys) if isinstance(self.alignment, HistoryAlignment) else None

    def next(
        self,
        query: Float[Tensor, "b h 1 dq"],
        keys: Float[Tensor, "b h k a"],
        value: Float[Tensor, "b h k dv"],
        history: AttentionHistory | None,
        mask: Mask = FULL,
    ) -> tuple[Float[Tensor, "b h 1 dv"], AttentionHistory | None]:
        """Attend with one query, and return the next history, if the alignment needs one."""
        if not isinstance(self.alignment, HistoryAlignment) or history is None:
            return self(query, keys, value, mask), None
        self.path = "plain"
        query = self._project(query, keys, self._narrowed(mask))
        scores = self.alignment.score_after(query, keys, history)
        weights = self._weights(scores, query, mask)
        if self.tracing:
            self.weights = weights.detach()
        return weights @ value, history.after(weights[:, :, 0])

    def reach(self, keys: int, mask: Mask = FULL) -> int:
        """Return the most of these keys that a query may see, given the windows of the mask and of the alignment."""
        return self._narrowed(mask).reach(keys)

    def score_flops(self, queries: int, keys: int, mask: Mask = FULL) -> int:
        """Return the floating-point operations to project and score this many, in all heads of one example."""
        # For the alignment the queries of a group are more queries of its key head.
        scorer, rows = self.alignment, self.groups * queries
        outside = keys - self.reach(keys, mask)
        return scorer.flops(rows, keys) - scorer.heads * rows * outside * scorer.pair_flops

    def _narrowed(self, mask: Mask) -> Mask:
        # An alignment's window counts the keys on one side of the query; a mask's also counts the query's own position.
        return mask if self.alignment.window is None else mask.within(self.alignment.window + 1)

    def _project(self, query: Tensor, keys: Tensor, mask: Mask) -> Tensor:
        b, heads, q, _ = query.shape
        if self.position is not None and self.position.rotates():
            query = self.position.rotate(query, mask.positions(q, keys.shape[2], keys.device)[0])
        projected = self.alignment.project_query(self._folded(query))
        return projected.reshape(b, heads, q, projected.shape[3])

    def _folded(self, x: Float[Tensor, "b hq q n"]) -> Float[Tensor, "b h gq n"]:
        """Return the query heads of each group as more queries of their key head."""
        b, heads, q, n = x.shape
        return x if self.groups == 1 else x.reshape(b, heads // self.groups, self.groups * q, n)

    def _choose(self, query: Tensor, keys: Tensor, mask: Mask) -> str:
        if self.tracing:
            return "plain"
        if (
            self.alignment.kernel_scale is not None
            and type(self.normalizer) is Softmax
            and not self.alignment.predicts_window
            and not (self._bias_learns() and keys.device.type == "cpu")  # no CPU kernel gives the bias a gradient
        ):
            return "fused"
        large = query.shape[2] * self._row_bytes(keys, keys.shape[2]) > self.plain_bytes
        return "streamed" if large and not (self.normalizer.stochastic and self.training) else "plain"

    def _bias_learns(self) -> bool:
        if self.position is None or not self.position.biases():
            return False
        return any(parameter.requires_grad for parameter in self.position.parameters())

    def _row_bytes(self, keys: Tensor, k: int) -> int:
        """Return the size of the intermediate result for one query position with k keys."""
        per_pair = 1 if self.alignment.kernel_scale is not None else keys.shape[3]
        return keys.shape[0] * keys.shape[1] * self.groups * k * per_pair * keys.element_size()

    def _bias(self, q: int, k: int, mask: Mask, like: Tensor) -> Float[Tensor, "hq q k"] | None:
        if self.position is None or not self.position.biases():
            return None
        bias = self.position.bias(*mask.positions(q, k, like.device))
        return None if bias is None else bias.to(like.dtype)

    def _weights(self, scores: Tensor, query: Tensor, mask: Mask) -> Float[Tensor, "b hq q k"]:
        q, k = scores.shape[2:]
        bias = self._bias(q, k, mask, scores)
        if bias is not None:
            scores = scores + bias
        allowed = mask.dense(q, k, scores.device)
        window = None
        if self.alignment.predicts_window:
            window = self.alignment.predict_window(query, _pair_positions(mask, q, k, scores.device))
        if window is None:
            return self.normalizer(scores, allowed)  # type: ignore[no-any-return]
        seen = window.allowed if allowed is None else window.allowed & allowed
        weights: Tensor = self.normalizer(scores, seen) * window.factor
        return weights

    def _plain(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        b, heads, q, _ = query.shape
        scores = self.alignment.score(self._folded(query), keys).reshape(b, heads, q, keys.shape[2])
        weights = self._weights(scores, query, mask)
        if self.tracing:
            self.weights = weights.detach()
        return (self._folded(weights) @ value).reshape(b, heads, q, value.shape[3])

    def _streamed(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        return stream(self, self._plain, query, keys, value, mask, self._streamed_rows(keys, mask))

    def _streamed_rows(self, keys: Tensor, mask: Mask) -> int:
        """Return how many queries a block may have."""
        pairs = self.block_bytes // self._row_bytes(keys, 1)
        rows = pairs // keys.shape[2]
        if mask.window is not None:
            # r neighbouring queries see r + extra keys together: the largest r for which r (r + extra) <= pairs.
            extra = (mask.window - 1) * (1 if mask.causal else 2)
            rows = max(rows, (math.isqrt(extra * extra + 4 * pairs) - extra) // 2)
        return max(1, rows)


def _pair_positions(mask: Mask, q: int, k: int, device: torch.device) -> PairPositions:
    query, key = mask.positions(q, k, device)
    total = mask.first + k if mask.total is None else mask.total
    visible = (query + 1).clamp(0, total) if mask.causal else torch.full_like(query, total)
    return PairPositions(query, key, visible)


@contextmanager
def traced(module: nn.Module) -> Iterator[None]:
    """Make every Attention inside `module` keep its last weights, detached, in `.weights`.

    The weights of an earlier trace are cleared first. The weights stay after the context ends.
    """
    attentions = [part for part in module.modules() if isinstance(part, Attention)]
    before = [attention.tracing for attention in attentions]
    for attention in attentions:
        attention.tracing, attention.weights = True, None
    try:
        yield
    finally:
        for attention, tracing in zip(attentions, before, strict=True):
            attention.tracing = tracing
