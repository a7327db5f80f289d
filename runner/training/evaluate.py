"""Scores a network on batches: the metrics of every report."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks import Batch, Distribution, Scalar, Task

from .data import Examples
from .network import Network, evaluating

TOLERANCE = 0.04  # an error above it counts as wrong (Hochreiter & Schmidhuber 1997)


@dataclass(frozen=True)
class Scores:
    """What a network scored at one length.

    `metric` is the accuracy, the mean squared error of scalar answers, or the cross-entropy where the law of the
    answers is known; `right` is the share of scored positions answered right (within 0.04 for scalars), `exact` the
    share of examples without an error, `loss` the cross-entropy in nats (or squared error) a scored position.
    """

    metric: float
    right: float
    exact: float
    loss: float
    chance: float
    ceiling: float

    @property
    def normalised(self) -> float:
        """0 for the best predictor that has not read the source, 1 for a perfect reader; NaN where the two are one."""
        if self.ceiling == self.chance:
            return math.nan
        return (self.metric - self.chance) / (self.ceiling - self.chance)


def evaluate(network: Network, task: Task, examples: Examples) -> Scores:
    """Score `network` on examples of one length. NaN outputs are wrong answers with a NaN loss."""
    with evaluating(network):
        sums = torch.stack([_sums(network, batch) for batch in examples.batches]).sum(0)
    right, positions, exact, rows, loss = sums.tolist()
    share = right / positions
    metric = loss / positions if isinstance(task.target_space, Scalar | Distribution) else share
    return Scores(metric, share, exact / rows, loss / positions, examples.chance, examples.ceiling)


def _sums(network: Network, batch: Batch) -> Tensor:
    output, target = network(batch), batch.target[batch.scored]
    loss = network.ends.loss(output, target, reduction="sum")
    right = (output - target).abs() <= TOLERANCE if network.ends.scalar else output.argmax(1) == target
    wrong = torch.zeros_like(batch.scored)
    wrong[batch.scored] = ~right
    exact = (~wrong.any(1)).sum()
    parts = [right.sum(), batch.scored.sum(), exact, torch.tensor(len(batch)), loss]
    return torch.stack([part.to(loss) for part in parts])
