"""Masks: which query may attend to which key. True means that it may.

A mask is symbolic, and a dense mask is built only if a path needs it. So the fused kernel can use its own causal mask,
and a block of queries can leave out the keys that none of them sees.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor


class Mask(NamedTuple):
    """Query i has the position of key i + offset, and may see key j if all of these hold:

    - `causal`: j <= i + offset;
    - `window`: |j - (i + offset)| < window, so a causal window of w has the query's own key and the w - 1 before it;
    - `keys`, one row for each example of the batch, is True at j.

    Without an offset the last query has the position of the last key: offset = k - q. `first` is the position of key 0
    in the whole sequence, and `total` the number of keys in it; both matter if the keys are only a part of it.
    """

    causal: bool = False
    keys: Bool[Tensor, "b k"] | None = None
    window: int | None = None
    offset: int | None = None
    first: int = 0
    total: int | None = None

    def offset_for(self, q: int, k: int) -> int:
        """Return the offset for q queries and k keys."""
        return k - q if self.offset is None else self.offset

    def within(self, window: int | None) -> "Mask":
        """Return the mask that also hides all keys at a distance of `window` or more."""
        if window is None or (self.window is not None and self.window <= window):
            return self
        return self._replace(window=window)

    def reach(self, k: int) -> int:
        """Return the most of k keys that the window lets a query see."""
        if self.window is None:
            return k
        return min(k, self.window if self.causal else 2 * self.window - 1)

    def positions(self, q: int, k: int, device: torch.device) -> tuple[Int[Tensor, "q"], Int[Tensor, "k"]]:
        """Return the positions of the queries and of the keys in the whole sequence."""
        start = self.first + self.offset_for(q, k)
        return torch.arange(start, start + q, device=device), torch.arange(self.first, self.first + k, device=device)

    def dense(self, q: int, k: int, device: torch.device) -> Bool[Tensor, "#b 1 #q k"] | None:
        """Return a mask that broadcasts over scores, or None if every query may see every key."""
        band = self._band(q, k, device)
        if self.keys is None:
            return None if band is None else band[None, None]
        keys = self.keys[:, None, None, :]
        return keys if band is None else keys & band

    def _band(self, q: int, k: int, device: torch.device) -> Bool[Tensor, "q k"] | None:
        offset = self.offset_for(q, k)
        upper = offset if self.causal else k
        lower = -q - k
        if self.window is not None:
            lower = offset - self.window + 1
            upper = min(upper, offset + self.window - 1)
        # Row i sees the keys from lower + i to upper + i. If the first and the last row see all, every row does.
        if upper >= k - 1 and lower + q - 1 <= 0:
            return None
        return torch.ones(q, k, dtype=torch.bool, device=device).tril(upper).triu(lower)

    def block(self, first: int, last: int, q: int, k: int) -> tuple["Mask", slice]:
        """Return the mask of the queries first..last-1, and the keys that at least one of them may see."""
        offset = self.offset_for(q, k)
        start, stop = 0, k
        if self.causal:
            stop = last + offset
        if self.window is not None:
            start = first + offset - self.window + 1
            stop = min(stop, last + offset + self.window - 1)
        start = min(max(0, start), k)
        stop = min(max(start, stop), k)
        part = self._replace(
            keys=None if self.keys is None else self.keys[:, start:stop],
            offset=offset + first - start,
            first=self.first + start,
            total=self.first + k if self.total is None else self.total,
        )
        return part, slice(start, stop)


FULL = Mask()
CAUSAL = Mask(causal=True)


def padding(lengths: Int[Tensor, "b"], k: int) -> Mask:
    """Return the mask under which only the first `lengths[i]` of the k keys of example i may be attended to."""
    return Mask(keys=torch.arange(k, device=lengths.device) < lengths[:, None])


def sliding(window: int, *, causal: bool = True) -> Mask:
    """Return the mask under which a query sees the keys at a distance of less than `window` positions.

    Beltagy, Peters, Cohan 2020, "Longformer" (arXiv 2004.05150), section 3.1; causal as in Jiang et al. 2023,
    "Mistral 7B" (arXiv 2310.06825).
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, the query's own position, not {window}")
    return Mask(causal, window=window)
