"""Who may attend to whom: True means "may".

Masks are symbolic. A dense one is written out only where a path needs it, so that the fused kernel can be told
"causal" in a word, and a streamed block can leave out the keys that none of its queries sees.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Mask:
    """`causal` is aligned at the lower right: the last query sits at the last key, and sees it.

    Query i of q may see key j of k where j <= i + k - q, and where `keys` says so.
    """

    causal: bool = False
    keys: Bool[Tensor, "b k"] | None = None

    def dense(self, q: int, k: int, device: torch.device) -> Bool[Tensor, "#b 1 #q k"] | None:
        """Return a mask that broadcasts over scores, or None where every query may see every key."""
        # A single query is the last one, and sees everything.
        causal = torch.ones(q, k, dtype=torch.bool, device=device).tril(k - q) if self.causal and q > 1 else None
        if self.keys is None:
            return None if causal is None else causal[None, None]
        keys = self.keys[:, None, None, :]
        return keys if causal is None else keys & causal

    def block(self, first: int, last: int, q: int, k: int) -> tuple["Mask", int]:
        """Return the mask of the queries first..last-1, and how many of the keys they need.

        A causal block needs the keys up to that of its last query, so over those it is lower-right aligned again.
        """
        seen = max(0, last + k - q) if self.causal else k
        keys = None if self.keys is None else self.keys[:, :seen]
        return Mask(self.causal, keys), seen


FULL = Mask()
CAUSAL = Mask(causal=True)


def padding(lengths: Int[Tensor, "b"], k: int) -> Mask:
    """Return the mask under which row i may be attended to at its first `lengths[i]` of k keys."""
    return Mask(keys=torch.arange(k, device=lengths.device) < lengths[:, None])
