"""What a sequence model must satisfy.

A check takes a class, or any other function that builds a model of a given width: so the same checks are run on models
that are built with a given alignment. What only a built model tells (`bidirectional`, `decodes`) is asked in the check.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor

from registry import Check, CheckError, only_after

from ..attention.state import state_bytes
from ..models import SequenceModel
from . import calls
from .calls import call, in_both_modes
from .compiling import compile_whole
from .devices import follows_device
from .expect import expect, expect_equal, expect_exact_gradient, expect_gradients, seeded, shape, without_shape_checks
from .flops import expect_flops
from .model_positions import (
    MANY,
    WIDTH,
    B,
    Build,
    Q,
    S,
    built,
    causal,
    causal_at_length,
    inputs,
    positions_of,
    prefixes_agree,
    step_is_forward,
    steps_at_length,
)


def constructs(build: Build) -> None:
    model = build(WIDTH)
    name = type(model).__name__
    expect(isinstance(model, SequenceModel), f"{name} is not a SequenceModel: write `class {name}(SequenceModel)`")


@in_both_modes
def deterministic(build: Build, training: bool) -> None:
    """A call gives the same again, after calls on other input too; in training mode with the same random numbers."""
    model, given, other = built(build, training), inputs(), inputs(S + 1, Q + 1)
    outputs = []
    for each in (given, other, given):
        with seeded() if training else nullcontext():
            outputs.append(model(*each))
    expect_equal(
        outputs[2], outputs[0], "two calls on the same input differ: is it random, or is something kept between calls?"
    )


def training_keeps_nothing(build: Build) -> None:
    given = inputs()
    calls.training_keeps_nothing(built(build), lambda model: [model(*given)])


def seeds_nothing(build: Build) -> None:
    given = inputs()
    calls.seeds_nothing(lambda: built(build), lambda model: model(*given))


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


@in_both_modes
def gradients_exact(build: Build, training: bool) -> None:
    model = built(build, training)
    if any(getattr(part, "surrogate", False) for part in model.modules()):
        return  # its gradient is an estimate, not that of its output
    expect_exact_gradient(
        lambda source, query: call(model, source, query),
        [x[:1, :3].requires_grad_() for x in inputs()],
        "output",
        "Is something detached, or computed under no_grad?",
    )


def gradients_exact_at_length(build: Build) -> None:
    """The gradient of the last answer at inputs far before it is that of finite differences, in a random direction."""
    model = built(build)
    if any(getattr(part, "surrogate", False) for part in model.modules()):
        return
    source, query = inputs(positions_of(model) - Q, Q, batch=1)
    far, weight, step = torch.randn_like(source), torch.randn_like(query[:, -1]), 1e-5
    far[:, source.shape[1] // 2 :] = 0

    def answer(moved: Tensor) -> Tensor:
        return (model(moved, query)[:, -1] * weight).sum()  # type: ignore[no-any-return]

    # Where a loop runs over positions, the checks of shapes take most of the time, and short inputs have had them.
    with without_shape_checks():
        (gradient,) = torch.autograd.grad(answer(source.requires_grad_()), source)
        with torch.no_grad():
            wanted = float(answer(source + step * far) - answer(source - step * far)) / (2 * step)
    got = float((gradient * far).sum())
    expect(
        abs(got - wanted) <= 1e-4 * abs(wanted) + 1e-9,
        f"the gradient of the last of {source.shape[1] + Q} positions at the first half of them is {got:.3g} in a "
        f"random direction, and finite differences give {wanted:.3g}, though over few positions they agree: is a state "
        "detached between blocks, or a gradient scaled or cut?",
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


def saved_weights_suffice(build: Build) -> None:
    first, second, (source, query) = build(WIDTH).double().eval(), build(WIDTH).double().eval(), inputs()
    second.load_state_dict(first.state_dict())
    expect_equal(
        second(source, query),
        first(source, query),
        "a copy with the same state_dict has other outputs: is there a tensor that is neither parameter nor buffer?",
    )


@in_both_modes
def batch_of_one(build: Build, training: bool) -> None:
    """An example has the same outputs alone, in a batch, and beside other examples."""
    model, (source, query) = built(build, training), inputs(batch=MANY)
    wanted = call(model, source, query)[:1]
    advice = "is there a norm or a squeeze over the batch, or its size in a formula?"
    if not calls.draws(model, *inputs()):
        for size in (1, 2):
            expect_equal(
                call(model, source[:size], query[:size])[:1],
                wanted,
                f"an example has other outputs in a batch of {size} than in one of {MANY}: {advice}",
            )
    others = (torch.cat([x[:1], torch.randn_like(x[1:])]) for x in (source, query))
    expect_equal(call(model, *others)[:1], wanted, f"an example has other outputs beside other examples: {advice}")


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


def flops_are_counted(build: Build) -> str | None:
    """The formula gives about what torch counts, at two lengths."""
    model = build(WIDTH).eval()
    for s, q in ((5, 3), (83, 13)):
        figure = model.flops(s, q)
        if figure is None:
            return "it has no formula for its operations"
        given = (x.float() for x in inputs(s, q, batch=1))
        expect_flops(figure, partial(model, *given), f"{s} source and {q} query positions", padded=s + q < 64)
    return None


def moves_to_a_device(build: Build) -> None:
    follows_device(lambda: build(WIDTH).eval(), *(x.float() for x in inputs()))


def compiles(build: Build) -> str:
    model, (source, query) = build(WIDTH).double(), inputs()
    # A loop over the positions is compiled position by position, so it gets few of them.
    return compile_whole(model, (source, query) if model.parallel else (source[:, :3], query[:, :2]))


CHECKS: Sequence[Check] = (
    constructs,
    deterministic,
    seeds_nothing,
    output_shape,
    parameters_learn,
    state_size,
    one_query,
    flops_are_counted,
    moves_to_a_device,
    *only_after(
        deterministic,
        reads_source,
        gradients_exact,
        training_keeps_nothing,
        causal,
        causal_at_length,
        prefixes_agree,
        step_is_forward,
        steps_at_length,
        saved_weights_suffice,
        batch_of_one,
        empty_source,
        compiles,
    ),
    *only_after(gradients_exact, gradients_exact_at_length),
)

isolated = seeded
