"""The state of a model while it decodes, and its size."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

from torch import Tensor

State: TypeAlias = Any
"""The state of a model while it decodes: tensors and integers, nested in tuples, lists, mappings or dataclasses."""


class Preallocated(ABC):
    """A part of a state whose buffers are larger than what is in them."""

    @abstractmethod
    def in_use(self) -> Iterable[Tensor]:
        """Return the filled parts of the buffers."""


def state_tensors(state: State) -> Iterator[Tensor]:
    """Yield the tensors in a decoding state; of preallocated buffers only the filled parts."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Preallocated):
        yield from state.in_use()
    else:
        for part in _parts(state):
            yield from state_tensors(part)


def state_bytes(state: State) -> int:
    """Return the bytes of a decoding state. What is in it twice counts once, as keys that are also the values do."""
    views = {_view(tensor): tensor for tensor in state_tensors(state)}
    return sum(tensor.numel() * tensor.element_size() for tensor in views.values())


def _view(tensor: Tensor) -> tuple[object, ...]:
    """Return what is equal for two tensors only if they are the same numbers in memory."""
    # On the meta device there is no memory, and all addresses are 0.
    place = tensor.data_ptr() or id(tensor)
    return place, tensor.device, tensor.dtype, tensor.shape, tensor.stride()


def _parts(state: State) -> list[Any]:
    if is_dataclass(state):
        return [getattr(state, field.name) for field in fields(state)]
    if isinstance(state, Mapping):
        return list(state.values())
    return list(state) if isinstance(state, list | tuple) else []
