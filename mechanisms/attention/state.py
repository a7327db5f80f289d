"""What a model carries while it decodes, and how large it is."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

from torch import Tensor

State: TypeAlias = Any
"""What a model carries while it decodes: tensors and integers, nested in tuples, lists, mappings or dataclasses."""


class Reserve(ABC):
    """A part of a state that keeps room in reserve."""

    @abstractmethod
    def in_use(self) -> Iterable[Tensor]:
        """Return the tensors without the room that is still empty."""


def state_tensors(state: State) -> Iterator[Tensor]:
    """Yield the tensors in a decoding state: what is in use of them, where room is kept in reserve."""
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, Reserve):
        yield from state.in_use()
    else:
        for part in _parts(state):
            yield from state_tensors(part)


def state_bytes(state: State) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in state_tensors(state))


def _parts(state: State) -> list[Any]:
    if is_dataclass(state):
        return [getattr(state, field.name) for field in fields(state)]
    if isinstance(state, Mapping):
        return list(state.values())
    return list(state) if isinstance(state, list | tuple) else []
