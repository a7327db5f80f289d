"""What a task must satisfy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from registry import Check, only_if

from ..task import Batch, Part, Task
from .cases import SIZE, SPREADS, at_each_length, cases, expect, sampled
from .example import example
from .links import links, necessary
from .predictors import Score, best_constant, best_marginal, best_query_reader, most_certain, paired_query_reader
from .shortcuts import asks, shortcuts


def constructs(value: type) -> None:
    expect(isinstance(value(), Task), f"{value.__name__} is not a Task: write `class {value.__name__}(Task)`")
    cases(value)


@at_each_length
def shapes(task: Task, length: int, batch: Batch) -> None:
    rows = {f.name: len(value) for f in fields(batch) if (value := getattr(batch, f.name)) is not None}
    expect(set(rows.values()) == {SIZE}, f"{SIZE} examples were asked for, and the batch has {rows}")
    of_queries = [tuple(x.shape) for x in (batch.query, batch.target, batch.scored)]
    expect(
        len(set(of_queries)) == 1,
        "query, target and scored must have the same shape, and have {}, {} and {}".format(*of_queries),
    )
    if batch.links is not None:
        expect(
            batch.links.shape[1:] == (batch.query.shape[1], batch.source.shape[1]),
            f"links must be (batch, query, source), and is {tuple(batch.links.shape)}",
        )
    expect(
        batch.scored.dtype == torch.bool and bool(batch.scored.any(1).all()),
        "scored must be boolean, and true at one query of every example or more; otherwise there is nothing to learn",
    )


@at_each_length
def ranges(task: Task, length: int, batch: Batch) -> None:
    for name, space, values in (
        ("query", task.query_space, batch.query),
        ("source", task.source_space, batch.source),
        ("the scored target", task.target_space, batch.target[batch.scored]),
    ):
        if space.discrete and values.numel():
            least, most = int(values.min()), int(values.max())
            expect(
                0 <= least <= most < space.size,
                f"{name} has numbers from {least} to {most}, and its space has only {space.size}, from 0 on",
            )


@at_each_length
def words(task: Task, length: int, batch: Batch) -> None:
    """There is a word for every token and every class."""
    parts: tuple[tuple[Part, int], ...] = (
        ("source", task.source_space.size if task.source_space.discrete else 0),
        ("query", task.query_space.size),
        ("target", task.target_space.size if task.target_space.discrete else 0),
    )
    for part, wanted in parts:
        found = task.words(part)
        enough = len(found) >= wanted and all(found[:wanted])
        expect(enough, f'words("{part}") has {len(found)} words, some of which may be empty, for {wanted} tokens')


@at_each_length
def deterministic(task: Task, length: int, batch: Batch) -> None:
    again, other = sampled(task, length), sampled(task, length, seed=2)
    expect(
        all(_equal(getattr(batch, f.name), getattr(again, f.name)) for f in fields(batch)),
        "the same generator gave two different batches: does `sample` use other random numbers, or change the task?",
    )
    expect(
        not (_equal(batch.source, other.source) and _equal(batch.query, other.query)),
        "two generators gave the same batch: is the generator used that `sample` is given?",
    )


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b if a is None or b is None else torch.equal(a, b)


@at_each_length
def no_global_randomness(task: Task, length: int, batch: Batch) -> None:
    before = torch.random.get_rng_state()
    sampled(task, length)
    expect(
        torch.equal(before, torch.random.get_rng_state()),
        "sample draws from torch's global generator; pass generator=generator to every random function",
    )


@at_each_length
def oracle(task: Task, length: int, batch: Batch) -> None:
    space = task.target_space
    if space.probabilistic:
        return  # its most probable answers are often wrong, because it knows only probabilities
    answer, target = task.answer(batch)[batch.scored], batch.target[batch.scored]
    metric, ceiling = float(space.score(answer, target).mean()), task.ceiling(length)
    slack = 1e-6
    if space.discrete:
        # A sample has more or fewer of the errors that even the best reader makes.
        slack += SPREADS * math.sqrt(max(0.0, ceiling * (1 - ceiling)) / len(batch))
    expect(
        math.isclose(metric, ceiling, rel_tol=0, abs_tol=slack),
        f"answer scores {metric:.4g}, and ceiling says {ceiling:.4g}: one of the two is wrong",
    )


@at_each_length
def bounds(task: Task, length: int, batch: Batch) -> None:
    chance, ceiling = task.chance(length), task.ceiling(length)
    expect(
        math.isfinite(chance) and math.isfinite(ceiling) and chance != ceiling,
        f"chance ({chance}) and ceiling ({ceiling}) must be two different finite numbers",
    )


@at_each_length
def chance(task: Task, length: int, batch: Batch) -> None:
    """No predictor that has not read the source is better than chance."""
    other = sampled(task, length, seed=2)
    found = {"the best constant answer": best_constant, "the best answer at each query position": best_marginal}
    if not task.target_space.probabilistic:
        found["the best answer to each query token"] = best_query_reader
    for name, predictor in found.items():
        score = predictor(task, batch, other)
        expect(
            not _better(task, score, task.chance(length)),
            f"{name} scores {score.value:.4g}, better than chance, {task.chance(length):.4g}: "
            "chance must be the metric of the best predictor that has not read the source",
        )


@only_if(lambda value: value.prior is not Task.prior)
@at_each_length
def prior(task: Task, length: int, batch: Batch) -> None:
    """The prior is a distribution, and no predictor that has not read the source has a lower cross-entropy."""
    rows, classes = task.prior(length), task.target_space.size
    expect(
        rows.ndim == 2 and rows.shape[1] == classes and bool((rows >= 0).all()),
        f"prior must have a row of {classes} probabilities for each scored query, or one row for all, and has the "
        f"shape {tuple(rows.shape)}",
    )
    expect(bool((rows.sum(1) - 1).abs().max() < 1e-6), "the probabilities in a row of prior must sum to 1")
    score, stated = most_certain(task, batch, sampled(task, length, seed=2)), task.chance_entropy(length)
    expect(
        stated - score.value <= SPREADS * score.error,
        f"a predictor that has not read the source has the cross-entropy {score.value:.4g}, below the {stated:.4g} of "
        "prior: prior must have the probability of each answer",
    )


def _better(task: Task, score: Score, than: float) -> bool:
    higher = task.target_space.metric.better == "higher"
    return (score.value - than if higher else than - score.value) > SPREADS * score.error


@only_if(lambda value: value.causal and not value.leaks)
@at_each_length
def leaks(task: Task, length: int, batch: Batch) -> None:
    """No query reveals the answer to another query."""
    score = paired_query_reader(task, batch, sampled(task, length, seed=2))
    expect(
        score is None or score.value <= SPREADS * score.error,
        "a query reveals the answer to another query; if later ones may, as in a shifted target, set `leaks = True`, "
        "so that the task is not given to models in which a query sees all others",
    )


CHECKS: Sequence[Check] = (
    constructs,
    shapes,
    ranges,
    words,
    deterministic,
    no_global_randomness,
    oracle,
    bounds,
    chance,
    prior,
    leaks,
    links,
    necessary,
    shortcuts,
    asks,
    example,
)
