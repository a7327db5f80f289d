"""What a position scheme must satisfy, in each of the three ways in which it can encode positions."""

import io
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from registry import Check, CheckError, only_after, only_if

from ..positions import Position
from . import calls, devices
from .calls import in_both_modes
from .compiling import compile_whole
from .expect import expect, expect_equal, expect_gradients, seeded, shape

B, H, N, D, P = 2, 3, 5, 11, 7
MANY = 13


class Encoder(nn.Module):
    """Embeds, rotates and returns the bias of a scheme, in one list."""

    def __init__(self, scheme: Position) -> None:
        super().__init__()
        self.scheme = scheme

    def forward(self, x: Tensor, head: Tensor, position: Tensor) -> list[Tensor]:
        encoded = [self.scheme.embed(x, position), self.scheme.rotate(head, position)]
        bias = self.scheme.bias(position, position)
        return encoded if bias is None else [*encoded, bias]


def encoder_of(value: type[Position], training: bool = True) -> Encoder:
    return Encoder(value(D, H)).double().train(training)


def inputs(dtype: torch.dtype = torch.float64, batch: int = B) -> tuple[Tensor, Tensor, Tensor]:
    """Return embeddings, one vector for each head, and their positions."""
    return torch.randn(batch, N, D, dtype=dtype), torch.randn(batch, H, N, P, dtype=dtype), torch.arange(N)


def constructs(value: type) -> None:
    try:
        schemes = (value(D), value(D, H), value(D, H, False))
    except TypeError as error:
        raise CheckError(
            f"{error}: a position scheme is built with (width, heads, causal), and each hyperparameter of its own "
            "needs a default"
        ) from error
    for built in schemes:
        expect(
            isinstance(built, Position), f"{value.__name__} is not a Position: write `class {value.__name__}(Position)`"
        )


@in_both_modes
def deterministic(value: type[Position], training: bool) -> None:
    encoder, given = encoder_of(value, training), inputs()
    before = encoder(*given)
    encoder(*inputs())
    for got, wanted in zip(encoder(*given), before, strict=True):
        expect_equal(got, wanted, "two calls on the same input differ: is it random, or is something kept?")


def seeds_nothing(value: type[Position]) -> None:
    given = inputs()
    calls.seeds_nothing(lambda: encoder_of(value), lambda encoder: encoder(*given))


def training_keeps_nothing(value: type[Position]) -> None:
    given = inputs()
    calls.training_keeps_nothing(encoder_of(value), lambda encoder: encoder(*given))


def keeps_shape(value: type[Position]) -> None:
    """`embed` and `rotate` keep shape and precision, for every length and number of key heads."""
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        scheme = value(D, H).to(dtype)
        x, head, position = inputs(dtype)
        for length in (N, 1):
            at = position[:length]
            # Models call `embed_from`, which returns half precision although positions are computed in float32.
            embed = scheme.embed_from(x[:, :length]) if dtype == torch.bfloat16 else scheme.embed(x[:, :length], at)
            _expect_like(embed, x[:, :length], "embed")
            for heads in (H, 1):
                _expect_like(scheme.rotate(head[:, :heads, :length], at), head[:, :heads, :length], "rotate")


def _expect_like(got: Tensor, given: Tensor, method: str) -> None:
    if got.shape != given.shape or got.dtype != given.dtype:
        raise CheckError(
            f"{method} returned shape {shape(got)} and {got.dtype} for {shape(given)} and {given.dtype}: is a tensor "
            "made inside without the dtype of its input, or `heads` used for the number of heads of the input?"
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
                    "bias returned numbers that are not finite: only the mask hides keys",
                )


@in_both_modes
def positions_are_absolute(value: type[Position], training: bool) -> None:
    scheme, (x, head, position) = encoder_of(value, training).scheme, inputs()
    advice = "so decoding by steps would give other outputs: use the `position` that is passed, not the index within x"
    expect_equal(
        scheme.embed(x[:, 3:4], position[3:4]),
        scheme.embed(x, position)[:, 3:4],
        f"position 3 alone is embedded differently than with others, {advice}",
    )
    expect_equal(
        scheme.rotate(head[:, :, 3:4], position[3:4]),
        scheme.rotate(head, position)[:, :, 3:4],
        f"position 3 alone is rotated differently than with others, {advice}",
    )
    whole = scheme.bias(position, position)
    part = scheme.bias(position[3:4], position[1:4])
    if whole is None or part is None:
        expect(whole is part, "bias returns None for some positions and numbers for others")
        return
    expect_equal(
        part,
        whole[:, 3:4, 1:4],
        "the bias of query 3 and keys 1 to 3 alone differs from that with others, so decoding by steps would give "
        "other outputs: use the positions that are passed, not their number",
    )


@only_if(lambda value: value.rotates())
def rotation_is_relative(value: type[Position]) -> None:
    scheme, (_, head, position) = encoder_of(value).scheme, inputs()
    rotated = scheme.rotate(head, position)
    expect_equal(
        rotated.norm(dim=-1),
        head.norm(dim=-1),
        "rotate changes the length of a vector, so it is not a rotation: is each pair rotated by one angle, with the "
        "cosine and the sine of the same number?",
    )
    if scheme.max_length is not None and scheme.max_length < N + 2:
        return
    key = torch.randn_like(head)
    expect_equal(
        scheme.rotate(head, position + 2) @ scheme.rotate(key, position + 2).transpose(-2, -1),
        rotated @ scheme.rotate(key, position).transpose(-2, -1),
        "the inner product of a rotated query and a rotated key changes if both positions grow by 2, and should depend "
        "only on their distance: does the angle grow by the same amount with each position?",
    )


def reaches_max_length(value: type[Position]) -> None:
    scheme, (x, head, _) = encoder_of(value).scheme, inputs()
    if scheme.max_length is None:
        return
    last = torch.tensor([scheme.max_length - 1])
    try:
        scheme.embed_from(x[:, :1], first=scheme.max_length - 1)
        scheme.rotate(head[:, :, :1], last)
        scheme.bias(last, last)
    except (IndexError, ValueError) as error:
        raise CheckError(
            f"max_length is {scheme.max_length}, but the last of these positions, {scheme.max_length - 1}, fails: "
            f"{error}. Is a table one row short?"
        ) from error


def saved_weights_suffice(value: type[Position]) -> None:
    first, second, given = encoder_of(value), encoder_of(value), inputs()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    for got, wanted in zip(second(*given), first(*given), strict=True):
        expect_equal(
            got,
            wanted,
            "a copy with the same state_dict encodes differently: is a tensor neither parameter nor buffer?",
        )


@in_both_modes
def batch_of_one(value: type[Position], training: bool) -> None:
    encoder, (x, head, position) = encoder_of(value, training), inputs(batch=MANY)
    many, alone = encoder(x, head, position), encoder(x[:1], head[:1], position)
    for got, wanted in zip(alone[:2], many[:2], strict=True):
        expect_equal(
            got,
            wanted[:1],
            f"an example is encoded differently alone than in a batch of {MANY}: is there a mean over the "
            "batch, or its size in a formula?",
        )


def parameters_learn(value: type[Position]) -> None:
    encoder = encoder_of(value)
    expect_gradients(encoder.scheme, torch.cat([each.flatten() for each in encoder(*inputs())]))


def follows_device(value: type[Position]) -> None:
    devices.follows_device(lambda: encoder_of(value), *inputs())


def compiles(value: type[Position]) -> str:
    return compile_whole(encoder_of(value), inputs())


CHECKS: Sequence[Check] = (
    constructs,
    deterministic,
    seeds_nothing,
    keeps_shape,
    bias_fits,
    reaches_max_length,
    parameters_learn,
    follows_device,
    *only_after(
        deterministic,
        training_keeps_nothing,
        positions_are_absolute,
        rotation_is_relative,
        saved_weights_suffice,
        batch_of_one,
        compiles,
    ),
)

isolated = seeded
