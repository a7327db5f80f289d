"""softmax(scale · Q Kᵀ + bias, masked) V in one kernel; with a window, one block of queries at a time."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .masks import Mask
from .streamed import query_blocks

WINDOW_ROWS = 256
"""The smallest number of queries in one call with a window: with fewer, the calls cost more than the skipped keys."""

Bias: TypeAlias = Callable[[int, int, Mask, Tensor], Tensor | None]
"""(queries, keys, mask, a tensor of the type and device of the result) -> what is added to the scores"""


def fused(
    query: Float[Tensor, "b hq q a"],
    keys: Float[Tensor, "b h k a"],
    value: Float[Tensor, "b h k dv"],
    mask: Mask,
    scale: float,
    bias: Bias,
    mask_bytes: int,
) -> Float[Tensor, "b hq q dv"]:
    """Return the context vectors, which are zeros for a fully masked row.

    hq is a multiple of h, if several query heads share a key head. A mask larger than `mask_bytes` is not built if the
    kernel's own causal mask can serve.
    """
    q, k, width = query.shape[2], keys.shape[2], value.shape[3]
    if keys.shape[3] != width:
        # The kernels need one width. Zeros change neither the scores nor the first `width` columns of the result.
        widest = max(width, keys.shape[3])
        query, keys, value = (F.pad(x, (0, widest - x.shape[3])) for x in (query, keys, value))
    rows = max(WINDOW_ROWS, mask.window or 0)
    if mask.window is None or q <= rows or k <= 2 * rows:
        return _kernel(query, keys, value, mask, scale, bias, mask_bytes)[..., :width]
    parts = [
        _kernel(query[:, :, b.queries], keys[:, :, b.keys], value[:, :, b.keys], b.mask, scale, bias, mask_bytes)
        for b in query_blocks(q, k, rows, mask)
    ]
    return torch.cat(parts, dim=2)[..., :width]


def _kernel(
    query: Tensor, keys: Tensor, value: Tensor, mask: Mask, scale: float, bias: Bias, mask_bytes: int
) -> Tensor:
    grouped, q, k = query.shape[1] != keys.shape[1], query.shape[2], keys.shape[2]
    added = bias(q, k, mask, keys)
    if added is None and _fits_a_square(q, keys, mask, mask_bytes):
        # The kernel aligns its causal mask at the upper left. Only for a square is that the mask meant here.
        square = F.pad(query, (0, 0, k - q, 0)) if q < k else query
        context = F.scaled_dot_product_attention(square, keys, value, is_causal=True, scale=scale, enable_gqa=grouped)
        return context[:, :, k - q :]
    allowed = mask.dense(q, k, keys.device)
    if allowed is None:
        whole = None if added is None else added[None]
        return F.scaled_dot_product_attention(query, keys, value, attn_mask=whole, scale=scale, enable_gqa=grouped)
    # Kernels differ in the result for a fully masked row; it may be NaN. So the row sees all keys, and is set to zero.
    masked = ~allowed.any(dim=-1, keepdim=True)
    seen = allowed | masked
    added = seen if added is None else added.masked_fill(~seen, float("-inf"))
    context = F.scaled_dot_product_attention(query, keys, value, attn_mask=added, scale=scale, enable_gqa=grouped)
    return context.masked_fill(masked, 0.0)


def _fits_a_square(q: int, keys: Tensor, mask: Mask, mask_bytes: int) -> bool:
    """Whether a causal rectangle should be padded to a square, which needs no mask in memory.

    The kernel skips half of a causal square, so padding costs nothing if q >= k/2. With fewer queries it is done only
    if the mask would be too large.
    """
    k = keys.shape[2]
    if not mask.causal or mask.keys is not None or mask.window is not None or mask.offset_for(q, k) != k - q:
        return False
    return 1 < q <= k and (2 * q >= k or q * k * keys.element_size() > mask_bytes)
