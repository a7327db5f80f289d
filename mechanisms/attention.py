"""c = a V, a = normalizer(score(q, K) where the mask allows): score, mask, normalise, read

The only place that decides how attention is computed:

- fused: one kernel, for an inner product under softmax;
- streamed: a block of queries at a time, recomputed in the backward pass, where the intermediate would be large;
- plain: everything at once; always where the weights are to be looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .alignments import Alignment, InnerProduct
from .masks import FULL, Mask
from .normalizers import Normalizer
from .normalizers.softmax import Softmax
from .streaming import stream

PLAIN_BYTES = 64 * 2**20
"""The largest intermediate that is kept whole: below it memory is no concern, and recomputing costs time."""

BLOCK_BYTES = 16 * 2**20
"""The intermediate of one streamed block. Measured on two CPU cores: at 1 MiB the overhead of a block takes twice
the time, at 64 MiB the allocator hands memory back after each block and takes as long again."""


class Attention(nn.Module):
    """Reads values with the weights that an alignment and a normalizer give them."""

    def __init__(self, alignment: Alignment, normalizer: Normalizer) -> None:
        super().__init__()
        self.alignment = alignment
        self.normalizer = normalizer
        self.plain_bytes = PLAIN_BYTES
        self.block_bytes = BLOCK_BYTES
        self.path = ""
        """The path of the last call: "fused", "streamed" or "plain"."""
        self.tracing = False
        self.weights: Tensor | None = None
        """The detached weights "b h q k" of the last traced call; see `traced`."""

    def project_keys(
        self, key: Float[Tensor, "b h k dk"], position: Int[Tensor, "k"] | None = None
    ) -> Float[Tensor, "b h k a"]:
        """Project a source's keys: once, however often they are attended to."""
        if position is None:
            position = torch.arange(key.shape[2], device=key.device)
        return self.alignment.project_key(key, position)

    def forward(
        self,
        query: Float[Tensor, "b h q dq"],
        keys: Float[Tensor, "b h k a"],
        value: Float[Tensor, "b h k dv"],
        mask: Mask = FULL,
    ) -> Float[Tensor, "b h q dv"]:
        """Attend to keys that `project_keys` has projected."""
        query = self.alignment.project_query(query)
        self.path = self._choose(query, keys)
        if self.path == "fused":
            return self._fused(query, keys, value, mask)
        if self.path == "streamed":
            return self._streamed(query, keys, value, mask)
        return self._plain(query, keys, value, mask)

    def _choose(self, query: Tensor, keys: Tensor) -> str:
        if self.tracing:
            return "plain"
        if self._is_inner_product() and type(self.normalizer) is Softmax:
            return "fused"
        return "streamed" if query.shape[2] * self._row_bytes(keys) > self.plain_bytes else "plain"

    def _is_inner_product(self) -> bool:
        return isinstance(self.alignment, InnerProduct) and type(self.alignment).score is InnerProduct.score

    def _row_bytes(self, keys: Tensor) -> int:
        """Return the size of the intermediate for one query position."""
        per_pair = 1 if self._is_inner_product() else keys.shape[3]
        return keys[..., 0].numel() * per_pair * keys.element_size()

    def _plain(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        scores = self.alignment.score(query, keys)
        weights: Tensor = self.normalizer(scores, mask.dense(query.shape[2], keys.shape[2], keys.device))
        if self.tracing:
            self.weights = weights.detach()
        return weights @ value

    def _streamed(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        rows = max(1, self.block_bytes // self._row_bytes(keys))
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return stream(self._plain, parameters, query, keys, value, mask, rows)

    def _squares(self, q: int, k: int, keys: Tensor) -> bool:
        """Whether a causal rectangle is better filled up to a square, which needs no mask in memory.

        A kernel skips half of a causal square, so this costs nothing from q = k/2 on; below, only a mask too large
        to write out is worth it.
        """
        return 1 < q <= k and (2 * q >= k or q * k * keys.element_size() > self.block_bytes)

    def _fused(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        assert isinstance(self.alignment, InnerProduct)
        scale, q, k = self.alignment.scale, query.shape[2], keys.shape[2]
        if mask.causal and mask.keys is None and self._squares(q, k, keys):
            # The kernel's "causal" is aligned at the upper left, which only for a square is ours.
            square = F.pad(query, (0, 0, k - q, 0)) if q < k else query
            return F.scaled_dot_product_attention(square, keys, value, is_causal=True, scale=scale)[:, :, k - q :]
        allowed = mask.dense(q, k, keys.device)
        if allowed is None:
            return F.scaled_dot_product_attention(query, keys, value, scale=scale)
        # Kernels differ in what they make of a row that may see nothing, NaN among it. It is let see all, and zeroed.
        blind = ~allowed.any(dim=-1, keepdim=True)
        context = F.scaled_dot_product_attention(query, keys, value, attn_mask=allowed | blind, scale=scale)
        return context.masked_fill(blind, 0.0)


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
