"""Evaluation of a network: the metrics of the reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks import Batch, Bounds, Task

from .data import Examples
from .network import Network, evaluating


@dataclass(frozen=True)
class Scores:
    """The scores of a network at one length.

    `metric` is that of the task's target space, as those of `bounds` are; `right` is the share of scored positions
    answered right, `exact` the share of examples without an error, `loss` the mean loss of a scored position.
    `normalised` is the score of the metric between the bounds, NaN where they are too close for one. `bits` is the
    information recovered and `bits_asked` that of a perfect reader, in bits an example: by how much the cross-entropy,
    summed over the scored positions, is below that at chance. Both are NaN where the answers are real numbers.
    """

    metric: float
    right: float
    exact: float
    loss: float
    normalised: float
    bits: float
    bits_asked: float
    bounds: Bounds


def evaluate(network: Network, task: Task, examples: Examples) -> Scores:
    """Evaluate the network on examples of one length. NaN outputs are wrong answers with a NaN loss."""
    with evaluating(network):
        sums = torch.stack([_sums(network, batch) for batch in examples.batches]).sum(0)
    right, positions, exact, rows, loss = sums.tolist()
    share, loss, space, bounds = right / positions, loss / positions, task.target_space, examples.bounds
    metric = space.metric_from(loss, share)
    unit = positions / rows / math.log(2)
    return Scores(
        metric=metric,
        right=share,
        exact=exact / rows,
        loss=loss,
        normalised=space.normalised(metric, bounds),
        bits=(bounds.chance_entropy - loss) * unit,
        bits_asked=(bounds.chance_entropy - bounds.ceiling_entropy) * unit,
        bounds=bounds,
    )


def _sums(network: Network, batch: Batch) -> Tensor:
    output, target = network(batch), batch.target[batch.scored]
    loss = network.target_space.loss(output, target, reduction="sum")
    right = network.target_space.correct(output, target)
    wrong = torch.zeros_like(batch.scored)
    wrong[batch.scored] = ~right
    exact = (~wrong.any(1)).sum()
    parts = [right.sum(), batch.scored.sum(), exact, torch.tensor(len(batch)), loss]
    return torch.stack([part.to(loss) for part in parts])
