"""One training step of a mechanism on a task: what its time depends on, and the time itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from mechanisms import SequenceModel
from registry import Spec

from ..probes.meters.timing import quartiles, repeat
from ..training import seeds
from ..training.recipe import Recipe
from ..training.setup import TrainingSetup
from ..training.trainer import Trainer
from ..trial.trial import Trial

FEW = 2  # validation examples: none is evaluated, and to draw hundreds takes longer than a step
SECONDS = 0.02  # for which a step is repeated, so that the clock's grain does not show


@dataclass(frozen=True)
class Step:
    """A training step at the longest length of the training data. Its time depends on nothing else of a trial."""

    mechanism: Spec
    task: Spec
    length: int
    width: int
    batch: int

    @property
    def is_foreign(self) -> bool:
        """Whether code runs that did not come with the project."""
        parts = [part for spec in (self.mechanism, self.task) for part in spec.walk()]
        is_plugin = any(part.registry.entry(part.name).origin.is_plugin for part in parts)
        return is_plugin or any(spec.value.depends_on(spec.settings) for spec in (self.mechanism, self.task))

    @property
    def elements(self) -> int:
        """About the elements of the largest tensor in the step."""
        return self.batch * self.length * max(self.length, self.width)


def steps_of(trial: Trial) -> Iterator[tuple[Step, int]]:
    """Yield the step of training and that of pre-training, each with its number of steps."""
    width, batch = trial.recipe.width, trial.recipe.batch
    for task, length, steps in (
        (trial.task, trial.trained_length, trial.recipe.steps),
        (trial.earlier, trial.earlier_length, trial.earlier_steps),
    ):
        if task is not None and length is not None and steps is not None:
            yield Step(trial.mechanism, task, length, width, batch), steps


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch use as many threads inside the block as in a trial."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class StepTimer:
    """Times a step. The network and the data are made once, as a trial makes them, and the first step is not timed."""

    def __init__(self, step: Step, device: torch.device) -> None:
        self.device = device
        with seeds.process("timing"):
            self.trainer = trainer_of(step, device)
            (first,) = repeat(self.trainer.data.next, 0.0, device, warm_up=False, least=1)
            self._sampling = first / self.trainer.data.at_once
            self._batch = self.trainer.data.next().to(device)
            self.trainer.step_on(self._batch)

    def seconds(self) -> float:
        """Return the median of the steps of about SECONDS, sampling of the data included."""
        times = repeat(lambda: self.trainer.step_on(self._batch), SECONDS, self.device, warm_up=False, least=1)
        return quartiles(times)[1] + self._sampling


def trainer_of(step: Step, device: torch.device) -> Trainer:
    """Return a trainer for the step, with random weights."""

    def build(causal: bool) -> SequenceModel:
        with seeds.scoped("timing"):
            model: SequenceModel = step.mechanism.build(step.width, causal=causal)
            return model

    setup = TrainingSetup(step.task, step.length, step.length, 0, device)
    recipe = Recipe(width=step.width, batch=step.batch, validation_examples=FEW)
    return setup.trainer(setup.network(build, step.width), recipe)
