"""What a position scheme must satisfy, wherever of the three places it marks positions in."""

import io
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from registry import Check, CheckError

from ..positions import Position
from . import compiling, devices
from .expect import expect, expect_equal, expect_gradients, shape

B, H, N, D, P = 2, 3, 5, 11, 7


class Marks(nn.Module):
    """All that a scheme does: embeds, rotates and adds a bias, in one list."""

    def __init__(self, scheme: Position) -> None:
        super().__init__()
        self.scheme = scheme

    def forward(self, x: Tensor, head: Tensor, position: Tensor) -> list[Tensor]:
        marks = [self.scheme.embed(x, position), self.scheme.rotate(head, position)]
        bias = self.scheme.bias(position, position)
        return marks if bias is None else [*marks, bias]


def marks_of(value: type[Position]) -> Marks:
    return Marks(value(D, H)).double()


def inputs(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, one vector per head, and their positions."""
    return torch.randn(B, N, D, dtype=dtype), torch.randn(B, H, N, P, dtype=dtype), torch.arange(N)


def constructs(value: type) -> None:
    try:
        schemes = (value(D), value(D, H), value(D, H, False))
    except TypeError as error:
        raise CheckError(
            f"{error}: a position scheme is built with (width, heads, causal), and each hyper-parameter of its own "
            "needs a default"
        ) from error
    for built in schemes:
        expect(
            isinstance(built, Position), f"{value.__name__} is not a Position: write `class {value.__name__}(Position)`"
        )


def keeps_shape(value: type[Position]) -> None:
    """`embed` and `rotate`, whatever the precision, the length, and the heads that share a key."""
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        scheme = value(D, H).to(dtype)
        x, head, position = inputs(dtype)
        for length in (N, 1):
            at = position[:length]
            # Models embed by `mark`, which brings numbers made of positions back to half precision.
            embed = scheme.mark(x[:, :length]) if dtype == torch.bfloat16 else scheme.embed(x[:, :length], at)
            _expect_like(embed, x[:, :length], "embed")
            for heads in (H, 1):
                _expect_like(scheme.rotate(head[:, :heads, :length], at), head[:, :heads, :length], "rotate")


def _expect_like(got: Tensor, given: Tensor, method: str) -> None:
    if got.shape != given.shape or got.dtype != given.dtype:
        raise CheckError(
            f"{method} returned shape {shape(got)} and {got.dtype} for {shape(given)} and {given.dtype}: is a tensor "
            "made inside without the dtype of its input, or `heads` taken for the heads that are given?"
        )
    expect(bool(got.isfinite().all()), f"{method} returned numbers that are not finite for {given.dtype}")


def bias_fits(value: type[Position]) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for causal in (True, False):
            for queries, keys in ((N, N), (1, N), (N, 1), (1, 1)):
                bias = value(D, H, causal).to(dtype).bias(torch.arange(N)[-queries:], torch.arange(keys))
                if bias is None:
                    continue
                if bias.shape != (H, queries, keys) or not bias.is_floating_point():
                    raise CheckError(
                        f"bias returned shape {shape(bias)} and {bias.dtype} for {queries} queries, {keys} keys and "
                        f"{H} heads, expected {(H, queries, keys)} and floating-point numbers"
                    )
                expect(
                    bool(bias.isfinite().all()),
                    "bias returned numbers that are not finite: who may be seen is for the mask to say",
                )


def positions_are_absolute(value: type[Position]) -> None:
    scheme, (x, head, position) = marks_of(value).scheme, inputs()
    advice = "so decoding by steps could not give the same: use the `position` that is passed, not the index within x"
    expect_equal(
        scheme.embed(x[:, 3:4], position[3:4]),
        scheme.embed(x, position)[:, 3:4],
        f"position 3 alone is marked differently than among others, {advice}",
    )
    expect_equal(
        scheme.rotate(head[:, :, 3:4], position[3:4]),
        scheme.rotate(head, position)[:, :, 3:4],
        f"position 3 alone is rotated differently than among others, {advice}",
    )
    whole = scheme.bias(position, position)
    part = scheme.bias(position[3:4], position[1:4])
    if whole is None or part is None:
        expect(whole is part, "bias returns None for some positions and numbers for others")
        return
    expect_equal(
        part,
        whole[:, 3:4, 1:4],
        "the bias of query 3 and keys 1 to 3 alone is another than among others, so decoding by steps could not give "
        "the same: use the positions that are passed, not how many they are",
    )


def rotation_is_relative(value: type[Position]) -> None:
    if value.rotate is Position.rotate:
        return
    scheme, (_, head, position) = marks_of(value).scheme, inputs()
    turned = scheme.rotate(head, position)
    expect_equal(
        turned.norm(dim=-1),
        head.norm(dim=-1),
        "rotate changes the length of a vector, so it is no rotation: is each pair turned by one angle, its cosine "
        "and sine taken of the same number?",
    )
    if scheme.max_length is not None and scheme.max_length < N + 2:
        return
    key = torch.randn_like(head)
    expect_equal(
        scheme.rotate(head, position + 2) @ scheme.rotate(key, position + 2).transpose(-2, -1),
        turned @ scheme.rotate(key, position).transpose(-2, -1),
        "the inner product of a rotated query and a rotated key changes when both move on by 2, and should depend on "
        "their distance alone: does the angle grow by the same amount with each position?",
    )


def reaches_max_length(value: type[Position]) -> None:
    scheme, (x, head, _) = marks_of(value).scheme, inputs()
    if scheme.max_length is None:
        return
    last = torch.tensor([scheme.max_length - 1])
    try:
        scheme.mark(x[:, :1], first=scheme.max_length - 1)
        scheme.rotate(head[:, :, :1], last)
        scheme.bias(last, last)
    except (IndexError, ValueError) as error:
        raise CheckError(
            f"max_length is {scheme.max_length}, and the last of these positions, {scheme.max_length - 1}, fails: "
            f"{error}. Is a table one row short?"
        ) from error


def deterministic(value: type[Position]) -> None:
    marks, given = marks_of(value), inputs()
    for got, wanted in zip(marks(*given), marks(*given), strict=True):
        expect_equal(got, wanted, "two calls on the same input differ")


def saved_weights_suffice(value: type[Position]) -> None:
    first, second, given = marks_of(value), marks_of(value), inputs()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for got, wanted in zip(second(*given), first(*given), strict=True):
        expect_equal(
            got,
            wanted,
            "a copy with the same state_dict marks differently: is a tensor neither parameter nor buffer?",
        )


def parameters_learn(value: type[Position]) -> None:
    marks = marks_of(value)
    expect_gradients(marks.scheme, torch.cat([each.flatten() for each in marks(*inputs())]))


def follows_device(value: type[Position]) -> None:
    devices.follows_device(lambda: marks_of(value), *inputs())


def compiles(value: type[Position]) -> None:
    if value.compiles:
        compiling.compiles(marks_of(value), *inputs())


CHECKS: Sequence[Check] = (
    constructs,
    keeps_shape,
    bias_fits,
    positions_are_absolute,
    rotation_is_relative,
    reaches_max_length,
    deterministic,
    saved_weights_suffice,
    parameters_learn,
    follows_device,
    compiles,
)
