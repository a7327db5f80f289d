"""What a position scheme must satisfy."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..positions import Position
from .result import Check, CheckError, expect, expect_equal, expect_gradients, shape

B, N, D = 2, 5, 7


def position_of(value: type[Position]) -> Position:
    return value(D).double()


def inputs() -> tuple[Tensor, Tensor]:
    return torch.randn(B, N, D, dtype=torch.float64), torch.arange(N)


def constructs(value: type) -> None:
    expect(
        isinstance(value(D), Position), f"{value.__name__} is not a Position: write `class {value.__name__}(Position)`"
    )


def keeps_shape(value: type[Position]) -> None:
    x, position = inputs()
    for dtype in (torch.float32, torch.float64):
        marked = value(D).to(dtype).embed(x.to(dtype), position)
        if marked.shape != x.shape or marked.dtype != dtype:
            raise CheckError(f"embed returned shape {shape(marked)} and {marked.dtype} for {shape(x)} and {dtype}")
        expect(bool(marked.isfinite().all()), "embed returned numbers that are not finite")


def positions_are_absolute(value: type[Position]) -> None:
    scheme, (x, position) = position_of(value), inputs()
    expect_equal(
        scheme.embed(x[:, 3:4], position[3:4]),
        scheme.embed(x, position)[:, 3:4],
        "position 3 alone is marked differently than among others, so decoding by steps could not give the same: "
        "use the `position` that is passed, not the index within x",
    )


def deterministic(value: type[Position]) -> None:
    scheme, (x, position) = position_of(value), inputs()
    expect_equal(scheme.embed(x, position), scheme.embed(x, position), "two calls on the same input differ")


def saved_weights_suffice(value: type[Position]) -> None:
    first, second, (x, position) = position_of(value), position_of(value), inputs()
    second.load_state_dict(first.state_dict())
    expect_equal(
        second.embed(x, position),
        first.embed(x, position),
        "a copy with the same state_dict marks differently: is there a tensor that is neither parameter nor buffer?",
    )


def parameters_learn(value: type[Position]) -> None:
    scheme, (x, position) = position_of(value), inputs()
    expect_gradients(scheme, scheme.embed(x, position))


CHECKS: Sequence[Check] = (
    constructs,
    keeps_shape,
    positions_are_absolute,
    deterministic,
    saved_weights_suffice,
    parameters_learn,
)
