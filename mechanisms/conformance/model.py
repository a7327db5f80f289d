"""What a sequence model must satisfy.

A check takes a class, or any other function that builds a model of a given width: so the same checks are run on models
that are built with a given alignment. What only a built model tells (`bidirectional`, `decodes`) is asked in the check.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from registry import Check, CheckError

from ..attention.state import state_bytes
from ..models import SequenceModel
from .compiling import compile_whole
from .devices import follows_device
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, seeded, shape

# The width is divisible by the default numbers of heads, and no other size is equal to it.
B, S, Q, WIDTH = 2, 7, 5, 24

Build: TypeAlias = Callable[[int], SequenceModel]


def inputs() -> tuple[Tensor, Tensor]:
    return torch.randn(B, S, WIDTH, dtype=torch.float64), torch.randn(B, Q, WIDTH, dtype=torch.float64)


def constructs(build: Build) -> None:
    model = build(WIDTH)
    name = type(model).__name__
    expect(isinstance(model, SequenceModel), f"{name} is not a SequenceModel: write `class {name}(SequenceModel)`")


def output_shape(build: Build) -> None:
    source, query = inputs()
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        output = build(WIDTH).to(dtype)(source.to(dtype), query.to(dtype))
        if output.shape != query.shape or output.dtype != dtype:
            raise CheckError(
                f"forward returned shape {shape(output)} and {output.dtype} for source {shape(source)} and "
                f"query {shape(query)} of {dtype}, expected {shape(query)}: return outputs at the query positions only"
            )
        expect(bool(output.isfinite().all()), f"forward returned numbers that are not finite, in {dtype}")


def parameters_learn(build: Build) -> None:
    model = build(WIDTH).double()
    expect_gradients(model, model(*inputs()))


def reads_source(build: Build) -> None:
    model, (source, query) = build(WIDTH).double(), inputs()
    other = source.clone()
    other[:, S // 2] = torch.randn(B, WIDTH)
    same = torch.allclose(model(other, query), model(source, query), rtol=1e-8, atol=1e-10)
    expect(not same, "the output does not depend on the source")


def gradients_exact(build: Build) -> None:
    model = build(WIDTH).double().eval()
    if any(getattr(part, "surrogate", False) for part in model.modules()):
        return  # its gradient is an estimate, not that of its output
    source, query = (x[:1, :3].requires_grad_() for x in inputs())
    expect_exact_gradient(model, (source, query), "output", "Is something detached, or computed under no_grad?")


def causal(build: Build) -> None:
    model, (source, query) = build(WIDTH).double().eval(), inputs()
    if model.bidirectional:
        return
    other = query.clone()
    other[:, -1] = torch.randn(B, WIDTH)
    expect_equal(
        model(source, other)[:, :-1],
        model(source, query)[:, :-1],
        "an earlier output changes with a later query, so the model is not causal: is a causal mask missing, "
        "or is there a mean or a norm over the positions?",
    )


def prefixes_agree(build: Build) -> None:
    """The outputs of the first queries are the same without the later ones, for several lengths."""
    model = build(WIDTH).double().eval()
    if model.bidirectional:
        return
    for s, q in ((1, 1), (2, 3), (67, 13)):
        source, query = (torch.randn(B, n, WIDTH, dtype=torch.float64) for n in (s, q))
        whole = model(source, query)
        for n in {1, q - 1, q} - {0}:
            expect_equal(
                model(source, query[:, :n]),
                whole[:, :n],
                f"the first {n} of {q} queries after a source of {s} have other outputs than with all queries: is a "
                "length that is not a multiple of a block cut or padded wrongly?",
            )


def step_is_forward(build: Build) -> None:
    model, (source, query) = build(WIDTH).double().eval(), inputs()
    if not model.decodes:
        return
    with torch.no_grad():
        wanted = model(source, query)
        state = model.start(source)
        for position in range(Q):
            output, state = model.step(query[:, position], state)
            expect_equal(
                output,
                wanted[:, position],
                f"step {position} after start gives another output than forward: does the state hold everything, "
                "and do positions continue from the source?",
            )


def state_size(build: Build) -> None:
    """The decoding state grows with the length if, and only if, the class says so."""
    model = build(WIDTH).double().eval()
    if not model.decodes:
        return
    with torch.no_grad():
        short, long = (state_bytes(model.start(torch.randn(1, n, WIDTH, dtype=torch.float64))) for n in (S, 5 * S))
    expect(
        (long > short) == model.state_grows,
        f"the decoding state takes {short} bytes after {S} positions and {long} after {5 * S}: "
        f"set `state_grows = {long > short}` on the class",
    )


def deterministic(build: Build) -> None:
    model, (source, query) = build(WIDTH).double().eval(), inputs()
    expect_equal(model(source, query), model(source, query), "two calls on the same input differ")


def saved_weights_suffice(build: Build) -> None:
    first, second, (source, query) = build(WIDTH).double().eval(), build(WIDTH).double().eval(), inputs()
    second.load_state_dict(first.state_dict())
    expect_equal(
        second(source, query),
        first(source, query),
        "a copy with the same state_dict has other outputs: is there a tensor that is neither parameter nor buffer?",
    )


def batch_of_one(build: Build) -> None:
    model, (source, query) = build(WIDTH).double().eval(), inputs()
    expect_equal(
        model(source[:1], query[:1]),
        model(source, query)[:1],
        "an example alone has other outputs than in a batch: is there a norm or a squeeze over the batch?",
    )


def one_query(build: Build) -> None:
    model, (source, query) = build(WIDTH).double(), inputs()
    output = model(source, query[:, :1])
    expect(
        output.shape == (B, 1, WIDTH),
        f"forward returned shape {shape(output)} for a single query, expected {(B, 1, WIDTH)}",
    )


def empty_source(build: Build) -> None:
    """A stream model accepts an empty source; an encoder-decoder raises ValueError with a sentence."""
    model, (source, query) = build(WIDTH).double().eval(), inputs()
    try:
        output = model(source[:, :0], query)
    except ValueError:
        return
    expect(output.shape == query.shape, f"forward returned shape {shape(output)} for an empty source")
    if model.decodes:
        first, _ = model.step(query[:, 0], model.start(source[:, :0]))
        expect_equal(first, output[:, 0], "the first step from an empty source gives another output than forward")


def moves_to_a_device(build: Build) -> None:
    follows_device(lambda: build(WIDTH).eval(), *(x.float() for x in inputs()))


def compiles(build: Build) -> str:
    model, (source, query) = build(WIDTH).double(), inputs()
    # A loop over the positions is compiled position by position, so it gets few of them.
    return compile_whole(model, (source, query) if model.parallel else (source[:, :3], query[:, :2]))


CHECKS: Sequence[Check] = (
    constructs,
    output_shape,
    parameters_learn,
    reads_source,
    gradients_exact,
    causal,
    prefixes_agree,
    step_is_forward,
    state_size,
    deterministic,
    saved_weights_suffice,
    batch_of_one,
    one_query,
    empty_source,
    moves_to_a_device,
    compiles,
)

isolated = seeded
