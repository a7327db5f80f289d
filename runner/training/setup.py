"""The training setup: a task with its lengths and a seed, and from it data, network and trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from mechanisms import SequenceModel
from registry import Spec
from tasks import Task

from . import seeds
from .checkpoint import Checkpoint
from .data import Examples, TrainingData, lengths_between, spread
from .network import Network
from .recipe import Recipe
from .trainer import Diverged, History, Progress, Trainer

Build = Callable[[bool], SequenceModel]
"""Builds the mechanism. The argument is whether queries see only earlier queries."""


def mechanism(spec: Spec, width: int, seed: int, *, causal: bool = True, layer: int | None = None) -> SequenceModel:
    """Build a mechanism. Its initial weights depend only on the mechanism and the seed.

    With the number of a `layer`, it has one layer, whose weights depend on this number too.
    """
    own: list[int] = []
    if layer is not None:
        own = [layer]
        spec = replace(spec, settings={**spec.settings, **({"layers": 1} if "layers" in spec.settings else {})})
    with seeds.scoped("mechanism", spec.changed(), seed, *own):
        model: SequenceModel = spec.build(width, causal=causal)
        return model


@dataclass(frozen=True)
class TrainingSetup:
    """A task, with its `shortest` and longest `length` in training, and the random streams of a seed."""

    spec: Spec
    length: int
    shortest: int
    seed: int
    device: torch.device

    @property
    def task(self) -> Task:
        task: Task = self.spec.build()
        return task

    def stream(self, purpose: str) -> torch.Generator:
        """Return a random stream for data, the same for every mechanism with the same seed."""
        return seeds.generator(self.device, "data", self.spec.changed(), self.seed, purpose)

    def network(self, build: Build, width: int) -> Network:
        """Build the network of a mechanism. Embedding and readout start the same for every mechanism."""
        task = self.task
        model = build(task.causal)
        with seeds.scoped("embedding and readout", self.spec.changed(), self.seed):
            return Network.for_task(model, task, width).to(self.device)

    def trainer(self, network: Network, recipe: Recipe) -> Trainer:
        """Return a trainer of `network` at the start of the training data."""
        task = self.task
        lengths = lengths_between(task, self.shortest, self.length)
        order = seeds.generator(torch.device("cpu"), "lengths", self.spec.changed(), self.seed)
        data = TrainingData(task, lengths, recipe.batch, self.stream("train"), order if len(lengths) > 1 else None)
        checked, source = spread(lengths), self.stream("validation")
        each = -(-recipe.validation_examples // len(checked))
        validation = [Examples.draw(task, length, each, each, source, self.device) for length in checked]
        return Trainer(network, task, recipe, data, validation)

    def pretrain(
        self,
        network: Network,
        build: Build,
        recipe: Recipe,
        progress: Progress,
        interrupted: Callable[[], bool],
        checkpoint: Checkpoint | None,
    ) -> History:
        """Train the mechanism on this task, and load what it has learnt into `network`.

        This is the mechanism, and the embeddings of the vocabularies that both tasks have. The other weights keep their
        initial values. Raises Diverged and Interrupted as the trainer does.
        """
        trainer = self.trainer(self.network(build, recipe.width), recipe)
        try:
            history = trainer.run(progress, interrupted, checkpoint)
        except Diverged as error:
            raise Diverged(f"in pre-training, {error}", error.history) from None
        if checkpoint is not None:
            checkpoint.save(trainer.state())  # so that a continued run does not repeat it
        network.load_from(trainer.network)
        return history
