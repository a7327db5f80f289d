"""Who may attend to whom: True means "may".

Masks are symbolic. A dense one is written out only where a path needs it, so that the fused kernel can be told
"causal" in a word, and a block of queries can leave out the keys that none of them sees.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor


class Mask(NamedTuple):
    """Query i stands at key i + offset, and may see key j where all of these hold:

    - `causal`: j <= i + offset;
    - `window`: |j - (i + offset)| < window, so a causal window of w holds the query's own key and w - 1 before it;
    - `keys`, one row of the batch at a time, says so.

    Without an offset the last query stands at the last key: offset = k - q. `first` is the position of key 0 in the
    whole sequence, `total` the number of keys in it; both matter where the keys are only a part.
    """

    causal: bool = False
    keys: Bool[Tensor, "b k"] | None = None
    window: int | None = None
    offset: int | None = None
    first: int = 0
    total: int | None = None

    def at(self, q: int, k: int) -> int:
        """Return the offset for q queries and k keys."""
        return k - q if self.offset is None else self.offset

    def within(self, window: int | None) -> "Mask":
        """Return the mask under which a query also sees no key that is `window` or more away from it."""
        if window is None or (self.window is not None and self.window <= window):
            return self
        return self._replace(window=window)

    def positions(self, q: int, k: int, device: torch.device) -> tuple[Int[Tensor, "q"], Int[Tensor, "k"]]:
        """Return where the queries and the keys stand in the whole sequence."""
        start = self.first + self.at(q, k)
        return torch.arange(start, start + q, device=device), torch.arange(self.first, self.first + k, device=device)

    def dense(self, q: int, k: int, device: torch.device) -> Bool[Tensor, "#b 1 #q k"] | None:
        """Return a mask that broadcasts over scores, or None where every query may see every key."""
        band = self._band(q, k, device)
        if self.keys is None:
            return None if band is None else band[None, None]
        keys = self.keys[:, None, None, :]
        return keys if band is None else keys & band

    def _band(self, q: int, k: int, device: torch.device) -> Bool[Tensor, "q k"] | None:
        offset = self.at(q, k)
        upper = offset if self.causal else k
        lower = -q - k
        if self.window is not None:
            lower = offset - self.window + 1
            upper = min(upper, offset + self.window - 1)
        # Row i reaches from lower + i to upper + i; the first row ends first, and the last row starts last.
        if upper >= k - 1 and lower + q - 1 <= 0:
            return None
        return torch.ones(q, k, dtype=torch.bool, device=device).tril(upper).triu(lower)

    def block(self, first: int, last: int, q: int, k: int) -> tuple["Mask", slice]:
        """Return the mask of the queries first..last-1, and the keys that one of them may see."""
        offset = self.at(q, k)
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
    """Return the mask under which row i may be attended to at its first `lengths[i]` of k keys."""
    return Mask(keys=torch.arange(k, device=lengths.device) < lengths[:, None])


def sliding(window: int, *, causal: bool = True) -> Mask:
    """Return the mask under which a query sees keys less than `window` positions away.

    Beltagy, Peters, Cohan 2020, "Longformer" (arXiv 2004.05150), section 3.1; causal as in Jiang et al. 2023,
    "Mistral 7B" (arXiv 2310.06825).
    """
    if window < 1:
        raise ValueError(f"a window must hold at least the query's own position, and is {window}")
    return Mask(causal, window=window)
