"""Scores a network on batches: the metrics of every report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks import Batch, Scalar, Task

from .network import Network

TOLERANCE = 0.04  # an error above it counts as wrong (Hochreiter & Schmidhuber 1997)


@dataclass(frozen=True)
class Scores:
    """What a network scored at one length.

    `metric` is the accuracy, or the mean squared error of scalar answers; `right` is the share of scored
    positions answered right (within 0.04 for scalars), `exact` the share of examples without an error,
    `loss` the cross-entropy in nats (or squared error) a scored position.
    """

    metric: float
    right: float
    exact: float
    loss: float
    chance: float
    ceiling: float

    @property
    def normalised(self) -> float:
        """0 for the best predictor that has not read the source, 1 for a perfect reader."""
        return (self.metric - self.chance) / (self.ceiling - self.chance)


@torch.no_grad()
def evaluate(network: Network, task: Task, length: int, batches: Sequence[Batch]) -> Scores:
    """Score `network` on batches of one length. NaN outputs are wrong answers with a NaN loss."""
    was_training = network.training
    network.eval()
    sums = torch.stack([_sums(network, batch) for batch in batches]).sum(0)
    network.train(was_training)
    right, positions, exact, rows, loss = sums.tolist()
    share = right / positions
    metric = loss / positions if isinstance(task.target_space, Scalar) else share
    return Scores(metric, share, exact / rows, loss / positions, task.chance(length), task.ceiling(length))


def _sums(network: Network, batch: Batch) -> Tensor:
    output, target = network(batch), batch.target[batch.scored]
    loss = network.ends.loss(output, target, reduction="sum")
    right = (output - target).abs() <= TOLERANCE if network.ends.scalar else output.argmax(1) == target
    wrong = torch.zeros_like(batch.scored)
    wrong[batch.scored] = ~right
    exact = (~wrong.any(1)).sum()
    parts = [right.sum(), batch.scored.sum(), exact, torch.tensor(len(batch)), loss]
    return torch.stack([part.to(loss) for part in parts])


def sample_batches(
    task: Task, length: int, examples: int, batch: int, source: torch.Generator, device: torch.device
) -> list[Batch]:
    """Draw `examples` examples in batches of at most `batch`."""
    sizes = [min(batch, examples - done) for done in range(0, examples, batch)]
    return [task.sample(length, size, source).to(device) for size in sizes]
