"""c = a V, a = normalizer(score(q, K) + bias where the mask allows): score, mask, normalise, read

The only place that decides how attention is computed:

- fused: one kernel, for an inner product under softmax; over a window, a block of queries at a time;
- streamed: a block of queries at a time, recomputed in the backward pass, where the intermediate would be large;
- plain: everything at once; always where the weights are to be looked at.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..alignments import Alignment, History, HistoryAlignment, Place
from ..normalizers import Normalizer
from ..normalizers.softmax import Softmax
from ..positions import Position
from .fused import fused
from .masks import FULL, Mask
from .streamed import stream

PLAIN_BYTES = 64 * 2**20
"""The largest intermediate that is kept whole: below it memory is no concern, and recomputing costs time."""

BLOCK_BYTES = 16 * 2**20
"""The intermediate of one streamed block. Measured on two CPU cores: at 1 MiB the overhead of a block takes twice
the time, at 64 MiB the allocator hands memory back after each block and takes as long again."""


class Attention(nn.Module):
    """Reads values with the weights that an alignment and a normalizer give them.

    With `groups` > 1 so many query heads share each key head (Ainslie et al. 2023, arXiv 2305.13245), and with it
    the alignment's own parameters, which are per key head.
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
        """Project keys that stand at the positions first, first + 1, ...: once, however often they are attended to.

        Raises ValueError where the alignment or the position scheme does not reach so far.
        """
        length = first + key.shape[2]
        if self.alignment.max_length is not None and length > self.alignment.max_length:
            raise ValueError(
                f"{type(self.alignment).__name__} knows max_length = {self.alignment.max_length} positions, and the "
                f"keys reach to position {length}; raise max_length"
            )
        position = torch.arange(first, length, device=key.device)
        if self.position is not None:
            self.position.require(length)
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

    def begin(self, keys: Float[Tensor, "b h k a"]) -> History | None:
        """Return the history before the first step, where the alignment needs one."""
        return self.alignment.begin(keys) if isinstance(self.alignment, HistoryAlignment) else None

    def next(
        self,
        query: Float[Tensor, "b h 1 dq"],
        keys: Float[Tensor, "b h k a"],
        value: Float[Tensor, "b h k dv"],
        history: History | None,
        mask: Mask = FULL,
    ) -> tuple[Float[Tensor, "b h 1 dv"], History | None]:
        """Attend with one query, and carry the history on, where the alignment needs one."""
        if not isinstance(self.alignment, HistoryAlignment) or history is None:
            return self(query, keys, value, mask), None
        self.path = "plain"
        query = self._project(query, keys, self._narrowed(mask))
        scores = self.alignment.score_after(query, keys, history)
        weights = self._weights(scores, query, mask)
        if self.tracing:
            self.weights = weights.detach()
        return weights @ value, history.after(weights[:, :, 0])

    def _narrowed(self, mask: Mask) -> Mask:
        # An alignment's window is counted to each side of the query, a mask's includes the query's own position.
        return mask if self.alignment.window is None else mask.within(self.alignment.window + 1)

    def _project(self, query: Tensor, keys: Tensor, mask: Mask) -> Tensor:
        b, heads, q, _ = query.shape
        if self.position is not None and self.position.rotates():
            query = self.position.rotate(query, mask.positions(q, keys.shape[2], keys.device)[0])
        projected = self.alignment.project_query(self._folded(query))
        return projected.reshape(b, heads, q, projected.shape[3])

    def _folded(self, x: Float[Tensor, "b hq q n"]) -> Float[Tensor, "b h gq n"]:
        """Line the query heads of a group up behind one another, as more queries of their key head."""
        b, heads, q, n = x.shape
        return x if self.groups == 1 else x.reshape(b, heads // self.groups, self.groups * q, n)

    def _choose(self, query: Tensor, keys: Tensor, mask: Mask) -> str:
        if self.tracing:
            return "plain"
        if (
            self.alignment.kernel_scale is not None
            and type(self.normalizer) is Softmax
            and not self.alignment.focuses
            and not (self._bias_learns() and keys.device.type == "cpu")  # no kernel there gives a bias its gradient
        ):
            return "fused"
        large = query.shape[2] * self._row_bytes(keys, keys.shape[2]) > self.plain_bytes
        return "streamed" if large and not (self.normalizer.stochastic and self.training) else "plain"

    def _bias_learns(self) -> bool:
        if self.position is None or not self.position.biases():
            return False
        return any(parameter.requires_grad for parameter in self.position.parameters())

    def _row_bytes(self, keys: Tensor, k: int) -> int:
        """Return the size of the intermediate for one query position that sees k keys."""
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
        focus = self.alignment.focus(query, _place(mask, q, k, scores.device)) if self.alignment.focuses else None
        if focus is None:
            return self.normalizer(scores, allowed)  # type: ignore[no-any-return]
        seen = focus.allowed if allowed is None else focus.allowed & allowed
        weights: Tensor = self.normalizer(scores, seen) * focus.factor
        return weights

    def _plain(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        b, heads, q, _ = query.shape
        scores = self.alignment.score(self._folded(query), keys).reshape(b, heads, q, keys.shape[2])
        weights = self._weights(scores, query, mask)
        if self.tracing:
            self.weights = weights.detach()
        return (self._folded(weights) @ value).reshape(b, heads, q, value.shape[3])

    def _streamed(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        rows = self._streamed_rows(keys, mask)
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return stream(self._plain, parameters, query, keys, value, mask, rows)

    def _streamed_rows(self, keys: Tensor, mask: Mask) -> int:
        """Return how many queries a block may have, together with the keys that one of them sees."""
        pairs = self.block_bytes // self._row_bytes(keys, 1)
        rows = pairs // keys.shape[2]
        if mask.window is not None:
            # r neighbouring queries see r + reach keys: the largest r for which r (r + reach) <= pairs.
            reach = (mask.window - 1) * (1 if mask.causal else 2)
            rows = max(rows, (math.isqrt(reach * reach + 4 * pairs) - reach) // 2)
        return max(1, rows)


def _place(mask: Mask, q: int, k: int, device: torch.device) -> Place:
    query, key = mask.positions(q, k, device)
    total = mask.first + k if mask.total is None else mask.total
    return Place(query, key, (query + 1).clamp(0, total) if mask.causal else torch.full_like(query, total))


@contextmanager
def traced(module: nn.Module) -> Iterator[None]:
    """Make every Attention inside `module` keep its last weights, detached, in `.weights`.

    What an earlier trace has left is cleared; the weights stay when the context ends.
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
