"""A task at its lengths and a seed: the data it gives, the network between its ends, and the trainer of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mechanisms import SequenceModel
from tasks import TASKS, Task

from . import seeds
from .checkpoint import save_checkpoint
from .data import Examples, TrainingData, lengths_between, spread
from .network import Network
from .recipe import Recipe
from .trainer import Diverged, History, Trainer


@dataclass(frozen=True)
class TrainingSetup:
    """What is trained on: a task, from its `shortest` to its longest `length`, with the random streams of a seed."""

    task_name: str
    settings: dict[str, Any]
    length: int
    shortest: int
    seed: int
    device: torch.device

    @property
    def task(self) -> Task:
        return TASKS[self.task_name](**self.settings)

    def stream(self, purpose: str) -> torch.Generator:
        """Return a random stream for data: the same for every mechanism at the same seed."""
        return seeds.generator(self.device, "data", self.task_name, self.settings, self.seed, purpose)

    def network(self, build: Callable[[bool], SequenceModel], width: int) -> Network:
        """Put the mechanism that `build(causal)` makes between the task's ends, the same for every mechanism."""
        task = self.task
        model = build(task.causal)
        with seeds.scoped("ends", self.task_name, self.settings, self.seed):
            return Network.for_task(model, task, width).to(self.device)

    def trainer(self, network: Network, recipe: Recipe) -> Trainer:
        """Return a trainer of `network` at the start of the training data."""
        task = self.task
        lengths = lengths_between(task, self.shortest, self.length)
        order = seeds.generator(torch.device("cpu"), "lengths", self.seed) if len(lengths) > 1 else None
        data = TrainingData(task, lengths, recipe.batch, self.stream("train"), order)
        checked, source = spread(lengths), self.stream("validation")
        each = -(-recipe.validation_examples // len(checked))
        validation = [Examples.draw(task, length, each, each, source, self.device) for length in checked]
        return Trainer(network, task, recipe, data, validation)


def pretrain(
    network: Network,
    trainer: Trainer,
    progress: Callable[[int, int], None],
    interrupted: Callable[[], bool],
    checkpoint: Path | None,
) -> History:
    """Run `trainer`, that of another task, and give what it has learnt to `network`.

    That is the mechanism, and the embeddings of vocabularies that the two tasks share. The rest starts anew. Raises
    Diverged and Interrupted as the trainer does.
    """
    try:
        history = trainer.run(progress, interrupted, checkpoint)
    except Diverged as error:
        raise Diverged(f"in pre-training, {error}") from None
    if checkpoint is not None:
        save_checkpoint(checkpoint, trainer.state())  # so that a run that is taken up again does not repeat it
    network.take_over(trainer.network)
    return history
