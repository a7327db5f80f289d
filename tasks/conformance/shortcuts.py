"""Checks with readers that miss a part of each example, fitted on one sample and scored on another.

One reader knows how often each token occurs and not where; the other one knows the token at one position. What these
two cannot see is not found: in `recall`, for example, a key that is hidden is the one that is in no other pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from registry import only_if

from ..spaces import Bounds
from ..task import HIDDEN, Batch, Task
from .cases import at_each_length, expect, sampled
from .links import with_only

SIZE = 2048
NEAR = 0.9
"""A reader with this normalised score or more does not need what it misses."""
FEWEST = 200
"""Parts that fewer examples have are not checked: a reader could not be fitted."""
LARGEST = 10**7
"""The reader of one position is left out if its table has more numbers."""

Missed: TypeAlias = Bool[Tensor, "b q s"]


@only_if(lambda value: value.necessary)
@at_each_length
def shortcuts(task: Task, length: int, batch: Batch) -> None:
    """No reader that misses one of the linked positions comes near the ceiling."""
    if batch.links is None or task.target_space.probabilistic:
        return
    fit, test = (sampled(task, length, seed, SIZE) for seed in (1, 2))
    # The rarest parts may be in one of the two samples only.
    for (part, missed), (_, missed_in_test) in zip(_parts(task, fit), _parts(task, test), strict=False):
        for reader, score in _scores(task, length, (fit, missed), (test, missed_in_test)).items():
            expect(
                score < NEAR,
                f"`necessary` says that the answer depends on every linked position, and a reader of {reader} that "
                f"misses {part} has a normalised score of {score:.2f}",
            )


def _parts(task: Task, batch: Batch) -> Iterator[tuple[str, Missed]]:
    """Yield linked positions that play one part: those with the token of the query, then by their order in the source.

    The first ones are those of a key, which may be before or behind its value.
    """
    assert batch.links is not None
    if task.source_space == task.query_space:
        yield "what is equal to the query", batch.links & (batch.source.unsqueeze(1) == batch.query.unsqueeze(2))
    order = batch.links.cumsum(2)
    for number in range(1, int(order.max()) + 1):
        yield f"the linked position number {number}", batch.links & (order == number)


@at_each_length
def asks(task: Task, length: int, batch: Batch) -> None:
    """Where the queries differ between examples, the answer depends on them."""
    other = replace(batch, query=batch.query.roll(1, dims=0))
    if task.leaks or task.target_space.probabilistic or torch.equal(other.query, batch.query):
        return
    same = (task.answer(other) == task.answer(batch)) | ~batch.scored
    expect(not bool(same.all()), "the queries differ between examples, and those of another one give the same answers")
    fit, test = (sampled(task, length, seed, SIZE) for seed in (1, 2))
    for reader, score in _scores(task, length, (fit, None), (test, None)).items():
        expect(
            score < NEAR,
            f"the queries differ between examples, and a reader of {reader} that has not read the query has a "
            f"normalised score of {score:.2f}: the query is not needed",
        )


def _scores(
    task: Task, length: int, fit: tuple[Batch, Missed | None], test: tuple[Batch, Missed | None]
) -> Mapping[str, float]:
    """Return the normalised score of each reader, over the scored queries for which something is missed."""
    space, bounds = task.target_space, Bounds(task.chance(length), task.ceiling(length))
    metrics: dict[str, list[Float[Tensor, "n"]]] = {}
    for q in range(fit[0].query.shape[1]):
        (seen, targets), (asked, answers) = _without(*fit, q), _without(*test, q)
        if min(len(targets), len(answers)) < FEWEST:
            continue
        outputs = {"the counts of the tokens": _linear(task, _counts(task, seen), targets, _counts(task, asked))}
        if seen.ndim == 2 and space.discrete and seen.shape[1] * task.source_space.size * space.size <= LARGEST:
            outputs["one position"] = _one_position(task, seen, targets, asked)
        for reader, output in outputs.items():
            metrics.setdefault(reader, []).append(space.score(space.prediction(output), answers))
    return {reader: space.normalised(float(torch.cat(parts).mean()), bounds) for reader, parts in metrics.items()}


def _without(batch: Batch, missed: Missed | None, q: int) -> tuple[Shaped[Tensor, "n s ..."], Shaped[Tensor, "n"]]:
    """Return the sources in which what is missed for query q is hidden, and the answers; None hides nothing."""
    rows = batch.scored[:, q]
    if missed is not None:
        batch, rows = with_only(batch, ~missed[:, q]), rows & missed[:, q].any(1)
    return batch.source[rows], batch.target[rows, q]


def _counts(task: Task, source: Shaped[Tensor, "n s ..."]) -> Float[Tensor, "n v"]:
    """Return how often each token occurs, or the sum of the features."""
    if source.ndim == 3:
        return source.double().sum(1)
    counts = torch.zeros(len(source), task.source_space.size + 1, dtype=torch.double)
    return counts.scatter_add_(1, source - HIDDEN, torch.ones_like(source, dtype=torch.double))


def _linear(
    task: Task, seen: Float[Tensor, "n v"], targets: Shaped[Tensor, "n"], asked: Float[Tensor, "m v"]
) -> Float[Tensor, "m c"]:
    """Fit the answers, one output for each class, by ridge regression."""
    space = task.target_space
    wanted = torch.nn.functional.one_hot(targets, space.size) if space.discrete else targets.unsqueeze(1)
    x, y = (torch.cat([counts, counts.new_ones(len(counts), 1)], dim=1) for counts in (seen, asked))
    output: Tensor = y @ torch.linalg.solve(x.T @ x + 1e-2 * torch.eye(x.shape[1]).to(x), x.T @ wanted.double())
    return output


def _one_position(
    task: Task, seen: Int[Tensor, "n s"], targets: Int[Tensor, "n"], asked: Int[Tensor, "m s"]
) -> Float[Tensor, "m c"]:
    """Count the answers for each token at each position, and answer by the position that fits best."""
    tokens, classes = task.source_space.size + 1, task.target_space.size
    places = torch.arange(seen.shape[1])
    cells = ((places * tokens + seen - HIDDEN) * classes + targets.unsqueeze(1)).flatten()
    table = torch.bincount(cells, minlength=len(places) * tokens * classes).view(len(places), tokens, classes)
    best = table.amax(2).sum(1).argmax()
    # A token that was not seen there has no counts.
    return table[best][asked[:, best] - HIDDEN].double()
