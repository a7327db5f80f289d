"""The keys and values of one layer's past, with room to grow."""

import torch
from jaxtyping import Float
from torch import Tensor


class Cache:
    """Holds the past in buffers of doubling size, so that a step copies its own position and seldom the past.

    It decodes, and keeps no graph: what is appended is detached.
    """

    def __init__(self, keys: Float[Tensor, "b h k a"], values: Float[Tensor, "b h k dv"]) -> None:
        self.length = keys.shape[2]
        self._keys = keys.detach()
        self._values = values.detach()

    @property
    def keys(self) -> Float[Tensor, "b h k a"]:
        return self._keys[:, :, : self.length]

    @property
    def values(self) -> Float[Tensor, "b h k dv"]:
        return self._values[:, :, : self.length]

    def append(self, keys: Float[Tensor, "b h n a"], values: Float[Tensor, "b h n dv"]) -> None:
        after = self.length + keys.shape[2]
        if after > self._keys.shape[2]:
            capacity = max(16, 2 * after)
            self._keys = _grown(self._keys, capacity)
            self._values = _grown(self._values, capacity)
        self._keys[:, :, self.length : after] = keys.detach()
        self._values[:, :, self.length : after] = values.detach()
        self.length = after

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return what is in use, for counting the state's size."""
        return self.keys, self.values


def _grown(buffer: Float[Tensor, "b h k a"], capacity: int) -> Float[Tensor, "b h c a"]:
    b, h, k, a = buffer.shape
    larger = torch.empty(b, h, capacity, a, dtype=buffer.dtype, device=buffer.device)
    larger[:, :, :k] = buffer
    return larger
