"""Evaluation of a network: the metrics of the reports."""

from __future__ import annotations

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
    `normalised` is the score of the metric between the bounds, NaN where they are too close for one.
    """

    metric: float
    right: float
    exact: float
    loss: float
    normalised: float
    bounds: Bounds


def evaluate(network: Network, task: Task, examples: Examples) -> Scores:
    """Evaluate the network on examples of one length. NaN outputs are wrong answers with a NaN loss."""
    with evaluating(network):
        sums = torch.stack([_sums(network, batch) for batch in examples.batches]).sum(0)
    right, positions, exact, rows, loss = sums.tolist()
    share, space = right / positions, task.target_space
    metric = space.metric_from(loss / positions, share)
    normalised = space.normalised(metric, examples.bounds)
    return Scores(metric, share, exact / rows, loss / positions, normalised, examples.bounds)


def _sums(network: Network, batch: Batch) -> Tensor:
    output, target = network(batch), batch.target[batch.scored]
    loss = network.target_space.loss(output, target, reduction="sum")
    right = network.target_space.correct(output, target)
    wrong = torch.zeros_like(batch.scored)
    wrong[batch.scored] = ~right
    exact = (~wrong.any(1)).sum()
    parts = [right.sum(), batch.scored.sum(), exact, torch.tensor(len(batch)), loss]
    return torch.stack([part.to(loss) for part in parts])
