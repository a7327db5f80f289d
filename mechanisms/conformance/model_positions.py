"""What a sequence model must satisfy from position to position: it is causal, and steps give what forward gives."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ..models import SequenceModel
from . import calls
from .calls import call, in_both_modes
from .expect import expect_equal, without_shape_checks

# The width is divisible by the default numbers of heads, and no other size is equal to it.
B, S, Q, WIDTH = 2, 7, 5, 24
MANY = 11

POSITIONS, STEPS = 256, 32
"""The source and query positions together, and the steps, of the checks at a length."""

Build: TypeAlias = Callable[[int], SequenceModel]


def inputs(source: int = S, query: int = Q, batch: int = B) -> tuple[Tensor, Tensor]:
    source_, query_ = (torch.randn(batch, n, WIDTH, dtype=torch.float64) for n in (source, query))
    return source_, query_


def built(build: Build, training: bool = False) -> SequenceModel:
    return build(WIDTH).double().train(training)


def positions_of(model: SequenceModel) -> int:
    """Return POSITIONS, or fewer if a part of the model has fewer positions."""
    limits: list[int | None] = [getattr(part, "max_length", None) for part in model.modules()]
    return min([POSITIONS, *(limit for limit in limits if limit is not None)])


def random_cuts(number: int, length: int) -> list[int]:
    """Return random places in a sequence, with something before and something behind each."""
    return (torch.randperm(length - 1)[:number] + 1).tolist()


@in_both_modes
def causal(build: Build, training: bool) -> None:
    _expect_causal(built(build, training), S, Q, [Q - 1])


@in_both_modes
def causal_at_length(build: Build, training: bool) -> None:
    """An output depends on no later query, also if there are many, from random positions on."""
    model = built(build, training)
    queries = positions_of(model) - S
    # Where a loop runs over positions, the checks of shapes take most of the time, and short inputs have had them.
    with without_shape_checks():
        _expect_causal(model, S, queries, random_cuts(1 if training else 2, queries))


def _expect_causal(model: SequenceModel, s: int, q: int, cuts: Sequence[int]) -> None:
    if model.bidirectional:
        return
    source, query = inputs(s, q)
    with torch.set_grad_enabled(model.training):
        whole = call(model, source, query)
        for cut in cuts:
            other = torch.cat([query[:, :cut], torch.randn_like(query[:, cut:])], dim=1)
            expect_equal(
                call(model, source, other)[:, :cut],
                whole[:, :cut],
                "an earlier output changes with a later query, so the model is not causal: is a causal mask missing, "
                "or is there a mean or a norm over the positions?",
            )


@in_both_modes
def prefixes_agree(build: Build, training: bool) -> None:
    """The outputs of the first queries are the same without the later ones, for several lengths."""
    model = built(build, training)
    if model.bidirectional or calls.draws(model, *inputs()):
        return
    for s, q in ((S, Q),) if training else ((1, 1), (2, 3), (67, 13)):
        source, query = inputs(s, q)
        whole = call(model, source, query)
        for n in {1, q - 1, q} - {0}:
            expect_equal(
                call(model, source, query[:, :n]),
                whole[:, :n],
                f"the first {n} of {q} queries after a source of {s} have other outputs than with all queries: is a "
                "length that is not a multiple of a block cut or padded wrongly?",
            )


def step_is_forward(build: Build) -> None:
    _expect_steps(built(build), *inputs(), Q)


def steps_at_length(build: Build) -> None:
    """Many steps of one example, after a short and after a long source, give what forward gives."""
    for cut in (random_cuts(1, STEPS)[0], POSITIONS - STEPS - random_cuts(1, STEPS)[0]):
        model = built(build)
        cut = min(cut, positions_of(model) - STEPS)
        with without_shape_checks():
            _expect_steps(model, *inputs(cut, positions_of(model) - cut, batch=1), STEPS)


def _expect_steps(model: SequenceModel, source: Tensor, query: Tensor, steps: int) -> None:
    if not model.decodes:
        return
    with torch.no_grad():
        wanted = model(source, query)
        state = model.start(source)
        for position in range(steps):
            output, state = model.step(query[:, position], state)
            expect_equal(
                output,
                wanted[:, position],
                f"step {position} after start gives another output than forward: does the state hold everything, "
                "and do positions continue from the source?",
            )
