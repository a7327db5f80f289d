"""The keys and values of one layer while it decodes (KV cache)."""

import torch
from jaxtyping import Float
from torch import Tensor

from .state import Preallocated


class Cache(Preallocated):
    """Keeps keys and values in buffers of doubling size, so that most steps copy only their own position.

    It is for decoding and keeps no autograd graph: what is appended is detached. With a `window` only that number of
    last positions is kept. `first` is the oldest position that is kept.
    """

    def __init__(
        self, keys: Float[Tensor, "b h k a"], values: Float[Tensor, "b h k dv"], window: int | None = None
    ) -> None:
        self.length = keys.shape[2]
        self.window = window
        self._keys, self._values = self._last(keys.detach()), self._last(values.detach())
        self._offset = self.length - self._keys.shape[2]

    @property
    def first(self) -> int:
        return self.length - min(self.length, self.window or self.length)

    @property
    def keys(self) -> Float[Tensor, "b h k a"]:
        return self._keys[:, :, self.first - self._offset : self.length - self._offset]

    @property
    def values(self) -> Float[Tensor, "b h k dv"]:
        return self._values[:, :, self.first - self._offset : self.length - self._offset]

    def append(self, keys: Float[Tensor, "b h n a"], values: Float[Tensor, "b h n dv"]) -> None:
        after = self.length + keys.shape[2]
        if after - self._offset > self._keys.shape[2]:
            kept_keys, kept_values, first = self.keys, self.values, self.first
            capacity = max(16, 2 * (after - first))
            self._keys, self._values = _grown(kept_keys, capacity), _grown(kept_values, capacity)
            self._offset = first
        new = slice(self.length - self._offset, after - self._offset)
        self._keys[:, :, new] = keys.detach()
        self._values[:, :, new] = values.detach()
        self.length = after

    def in_use(self) -> tuple[Tensor, Tensor]:
        return self.keys, self.values

    def _last(self, x: Float[Tensor, "b h k a"]) -> Float[Tensor, "b h w a"]:
        return x if self.window is None else x[:, :, max(0, x.shape[2] - self.window) :].clone()


def _grown(buffer: Float[Tensor, "b h k a"], capacity: int) -> Float[Tensor, "b h c a"]:
    b, h, k, a = buffer.shape
    larger = torch.empty(b, h, capacity, a, dtype=buffer.dtype, device=buffer.device)
    larger[:, :, :k] = buffer
    return larger
