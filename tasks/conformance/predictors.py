"""Predictors that do not read the source, fitted on one sample and scored on another. None is better than chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..task import Batch, Task


class Score(NamedTuple):
    """A metric measured on examples, with its standard error."""

    value: float
    error: float


def best_constant(task: Task, fit: Batch, test: Batch) -> Score:
    """Score the one answer that is best on `fit`."""
    return _score(task, fit, test, torch.zeros_like(fit.query), torch.zeros_like(test.query))


def best_marginal(task: Task, fit: Batch, test: Batch) -> Score:
    """Score the answers that are best at each query position."""
    return _score(task, fit, test, _positions(fit), _positions(test))


def best_query_reader(task: Task, fit: Batch, test: Batch) -> Score:
    """Score the answers that are best for each query token at each position."""
    tokens = task.query_space.size
    return _score(task, fit, test, _positions(fit) * tokens + fit.query, _positions(test) * tokens + test.query)


def most_certain(task: Task, fit: Batch, test: Batch) -> Score:
    """Return the least cross-entropy, in nats a scored position, of these three predictors; answers are classes."""
    tokens, found = task.query_space.size, []
    for known in (torch.zeros_like, _places, lambda query: _places(query) * tokens + query):
        seen, asked = known(fit.query), known(test.query)
        contexts = int(max(seen.max(), asked.max())) + 1
        output = _counts(seen, fit, contexts, task.target_space.size).log().log_softmax(1)
        losses = -output[asked].gather(2, test.target.clamp_min(0).unsqueeze(2)).squeeze(2)
        found.append(_ratio(losses.where(test.scored, 0.0), test))
    return min(found)


def paired_query_reader(task: Task, fit: Batch, test: Batch) -> Score | None:
    """Score how much better the answer to a query is predicted with the token of another query: 0 is not at all.

    The other query is the previous or the next one, where the last is the previous one of the first. None if there is
    only one query.
    """
    queries, tokens = fit.query.shape[1], task.query_space.size
    if queries < 2:
        return None
    gains = []
    for move in {1, -1, queries - 1}:
        seen = [_positions(b) * tokens + b.query.roll(move, dims=1) for b in (fit, test)]
        own = [_positions(b) for b in (fit, test)]
        gain = _per_row(task, fit, test, *seen) - _per_row(task, fit, test, *own)
        better = gain if task.target_space.metric.better == "higher" else -gain
        gains.append(Score(float(better.mean()), float(better.std()) / math.sqrt(len(better))))
    return max(gains, key=lambda gain: gain.value / max(gain.error, 1e-12))


def _positions(batch: Batch) -> Int[Tensor, "b q"]:
    return _places(batch.query)


def _places(query: Int[Tensor, "b q"]) -> Int[Tensor, "b q"]:
    return torch.arange(query.shape[1]).expand_as(query)


def _score(task: Task, fit: Batch, test: Batch, known: Int[Tensor, "b q"], asked: Int[Tensor, "c q"]) -> Score:
    """Score the best answer for each context (a number for all that is known), as a ratio over scored positions."""
    return _ratio(_per_position(task, fit, test, known, asked), test)


def _ratio(values: Float[Tensor, "c q"], test: Batch) -> Score:
    """Return the mean of values over all scored positions; they are 0 elsewhere."""
    counted, sums = test.scored.double().sum(1), values.sum(1)
    value = sums.sum() / counted.sum()
    spread = (sums - value * counted).std() / counted.mean()
    return Score(float(value), float(spread) / math.sqrt(len(test)))


def _per_row(
    task: Task, fit: Batch, test: Batch, known: Int[Tensor, "b q"], asked: Int[Tensor, "c q"]
) -> Float[Tensor, "c"]:
    return _per_position(task, fit, test, known, asked).sum(1) / test.scored.sum(1)


def _per_position(
    task: Task, fit: Batch, test: Batch, known: Int[Tensor, "b q"], asked: Int[Tensor, "c q"]
) -> Float[Tensor, "c q"]:
    """Return the metric at each scored position of `test`, 0 elsewhere."""
    contexts = int(max(known.max(), asked.max())) + 1
    space = task.target_space
    if space.discrete:
        outputs = (_counts(known, fit, contexts, space.size) + 0.5).log()
    else:
        outputs = _means(known[fit.scored], fit.target[fit.scored].double(), contexts).unsqueeze(1)
    return space.score(space.prediction(outputs)[asked], test.target).where(test.scored, 0.0)


def _means(contexts: Int[Tensor, "n"], values: Float[Tensor, "n"], size: int) -> Float[Tensor, "size"]:
    sums = values.new_zeros(size).index_add(0, contexts, values)
    counts = values.new_zeros(size).index_add(0, contexts, torch.ones_like(values))
    return torch.where(counts > 0, sums / counts, values.mean())


def _counts(known: Int[Tensor, "b q"], fit: Batch, contexts: int, classes: int) -> Float[Tensor, "contexts classes"]:
    """Count each answer in each context. A context that was not seen has the frequencies of all contexts together."""
    scored: Bool[Tensor, "b q"] = fit.scored
    cells = known[scored] * classes + fit.target[scored]
    counts = torch.bincount(cells, minlength=contexts * classes).view(contexts, classes).double()
    overall = counts.sum(0, keepdim=True) / counts.sum()
    return counts + 1e-6 * overall
