"""softmax(scale · Q Kᵀ + bias where the mask allows) V in one kernel; over a window, a block of queries at a time."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .masks import Mask
from .streamed import blocks

WINDOW_ROWS = 256
"""The least queries in one call of the kernel over a window: with fewer the calls cost more than the keys saved."""

Bias: TypeAlias = Callable[[int, int, Mask, Tensor], Tensor | None]
"""(queries, keys, mask, a tensor of the wanted type and device) -> what is added to the scores"""


def fused(
    query: Float[Tensor, "b hq q a"],
    keys: Float[Tensor, "b h k a"],
    value: Float[Tensor, "b h k dv"],
    mask: Mask,
    scale: float,
    bias: Bias,
    mask_bytes: int,
) -> Float[Tensor, "b hq q dv"]:
    """Return what is read; hq is a multiple of h where query heads share keys. A fully masked row gives zeros.

    A mask larger than `mask_bytes` is not written out where a causal square does without it.
    """
    q, k, width = query.shape[2], keys.shape[2], value.shape[3]
    if keys.shape[3] != width:
        # The kernels want one width; zeros change neither a product nor what is read.
        widest = max(width, keys.shape[3])
        query, keys, value = (F.pad(x, (0, widest - x.shape[3])) for x in (query, keys, value))
    rows = max(WINDOW_ROWS, mask.window or 0)
    if mask.window is None or q <= rows or k <= 2 * rows:
        return _kernel(query, keys, value, mask, scale, bias, mask_bytes)[..., :width]
    parts = [
        _kernel(query[:, :, b.queries], keys[:, :, b.keys], value[:, :, b.keys], b.mask, scale, bias, mask_bytes)
        for b in blocks(q, k, rows, mask)
    ]
    return torch.cat(parts, dim=2)[..., :width]


def _kernel(
    query: Tensor, keys: Tensor, value: Tensor, mask: Mask, scale: float, bias: Bias, mask_bytes: int
) -> Tensor:
    grouped, q, k = query.shape[1] != keys.shape[1], query.shape[2], keys.shape[2]
    added = bias(q, k, mask, keys)
    if added is None and _squares(q, keys, mask, mask_bytes):
        # The kernel's "causal" is aligned at the upper left, which only for a square is ours.
        square = F.pad(query, (0, 0, k - q, 0)) if q < k else query
        context = F.scaled_dot_product_attention(square, keys, value, is_causal=True, scale=scale, enable_gqa=grouped)
        return context[:, :, k - q :]
    allowed = mask.dense(q, k, keys.device)
    if allowed is None:
        whole = None if added is None else added[None]
        return F.scaled_dot_product_attention(query, keys, value, attn_mask=whole, scale=scale, enable_gqa=grouped)
    # Kernels differ in what they make of a fully masked row, NaN among it. It is let see all, and set to zero.
    masked = ~allowed.any(dim=-1, keepdim=True)
    seen = allowed | masked
    added = seen if added is None else added.masked_fill(~seen, float("-inf"))
    context = F.scaled_dot_product_attention(query, keys, value, attn_mask=added, scale=scale, enable_gqa=grouped)
    return context.masked_fill(masked, 0.0)


def _squares(q: int, keys: Tensor, mask: Mask, mask_bytes: int) -> bool:
    """Whether a causal rectangle is better filled up to a square, which needs no mask in memory.

    A kernel skips half of a causal square, so this costs nothing from q = k/2 on; below, only a mask too large
    to write out is worth it.
    """
    k = keys.shape[2]
    if not mask.causal or mask.keys is not None or mask.window is not None or mask.at(q, k) != k - q:
        return False
    return 1 < q <= k and (2 * q >= k or q * k * keys.element_size() > mask_bytes)
