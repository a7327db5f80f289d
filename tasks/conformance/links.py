"""Checks of the gold alignment links: they are sufficient to answer, and necessary if the task says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from registry import CheckError, only_if

from ..task import HIDDEN, Batch, Task
from .cases import at_each_length, expect, sampled

FEW = 48
"""Examples of a check that asks the oracle about every query, or about every token of the source."""


@at_each_length
def links(task: Task, length: int, batch: Batch) -> None:
    """The linked source positions are sufficient to answer."""
    if batch.links is None:
        return
    expect(not bool(batch.links[~batch.scored].any()), "a query that is not scored has links")
    few = sampled(task, length, size=FEW)
    if task.points:
        _check_pointers(few)
    else:
        _check_sufficient(task, few)


def _check_pointers(batch: Batch) -> None:
    assert batch.links is not None
    one = bool((batch.links.sum(2) == 1)[batch.scored].all())
    expect(one, "`points` says that each scored query is linked to one source position, and some are not")
    there = batch.source.gather(1, batch.links.long().argmax(2))
    same = torch.equal(there[batch.scored], batch.target[batch.scored])
    expect(same, "`points` says that the answer is the token at the linked position, and it is not")


def _check_sufficient(task: Task, batch: Batch) -> None:
    assert batch.links is not None
    for q in range(batch.query.shape[1]):
        rows = batch.scored[:, q]
        if bool(rows.any()):
            answer = task.answer(with_only(batch, batch.links[:, q]))
            expect(
                bool(_agree(task, answer[rows, q], batch.target[rows, q]).all()),
                f"the oracle cannot find the answer at query {q} if all source positions without a link to it are "
                f"hidden ({HIDDEN}, or zeros)",
            )


def with_only(batch: Batch, visible: Tensor) -> Batch:
    """Return the batch with all source positions HIDDEN for which `visible` (b, s) is false."""
    features = batch.source.ndim == 3
    shown = visible.unsqueeze(2) if features else visible
    hidden = torch.zeros_like(batch.source) if features else torch.full_like(batch.source, HIDDEN)
    return replace(batch, source=torch.where(shown, batch.source, hidden))


def _agree(task: Task, answer: Tensor, target: Tensor) -> Tensor:
    return answer == target if task.target_space.discrete else (answer - target).abs() < 1e-5


@only_if(lambda value: value.necessary)
@at_each_length
def necessary(task: Task, length: int, batch: Batch) -> None:
    """Some other token at a linked position changes the answer."""
    if batch.links is None:
        return
    for q, s in idle_links(task, sampled(task, length, size=FEW)):
        raise CheckError(
            f"`necessary` says that the answer depends on every linked position, and that to query {q} does not depend "
            f"on position {s}"
        )


def idle_links(task: Task, batch: Batch) -> Iterator[tuple[int, int]]:
    """Yield query and source positions that are linked in an example in which no other token changes the answer."""
    assert batch.links is not None
    linked = batch.links & batch.scored.unsqueeze(2)
    for s in torch.where(linked.any(1).any(0))[0].tolist():
        idle = linked[:, :, s]
        for source in _changed(task, batch.source, s):
            idle = idle & _agree(task, task.answer(replace(batch, source=source)), batch.target)
            if not bool(idle.any()):
                break
        for q in torch.where(idle.any(0))[0].tolist():
            yield q, s


def _changed(task: Task, source: Tensor, position: int) -> Iterator[Tensor]:
    """Yield the source with each token of the vocabulary at `position`, or with features of zeros there."""
    values = range(task.source_space.size) if task.source_space.discrete else [0.0]
    for value in values:
        other = source.clone()
        other[:, position] = value
        yield other
