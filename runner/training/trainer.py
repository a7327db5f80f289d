"""Training: new data at every step, AdamW with warm-up and cosine decay, until the task is solved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from registry import Quantity
from results import Measurement
from tasks import Batch, Task

from . import seeds
from .checkpoint import Checkpoint
from .data import Examples, TrainingData
from .evaluate import evaluate
from .gradients import gradient_norms
from .network import Network
from .recipe import Recipe

SOLVED = 0.99  # of the normalised validation score
NORMALISED = Quantity("normalised", "score", better="higher", over=("length", "step"), digits=3)
LOSS = Quantity("loss", "loss", better="lower", over=("length", "step"), digits=3)
QUANTITIES = (
    NORMALISED,
    LOSS,
    Quantity("steps_to_solve", "steps to solve", "steps", better="lower", digits=0),
    Quantity("steps", "steps trained", "steps", digits=0),
)
CHECKPOINT_SECONDS = 30.0

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of finished steps and the number of all steps."""


@dataclass
class Evaluation:
    """The losses and the score at a step; the score is NaN where no length has one, and such a task is never solved.

    `gradients` are the norms of the last step's gradient before clipping, by part of the network.
    """

    step: int
    train_loss: float
    loss: float
    normalised: float
    gradients: dict[str, float] = field(default_factory=dict)


@dataclass
class History:
    """The learning curve. `steps_to_solve` is None if the task was not solved."""

    evaluations: list[Evaluation] = field(default_factory=list)

    @property
    def steps(self) -> int:
        return self.evaluations[-1].step if self.evaluations else 0

    @property
    def steps_to_solve(self) -> int | None:
        return next((e.step for e in self.evaluations if e.normalised >= SOLVED), None)


class Diverged(Exception):
    """The loss is not a finite number. `history` is the learning curve up to there."""

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Interrupted(Exception):
    """Training was asked to stop, and the checkpoint is written."""


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Return the learning rate of a step, counted from 0: linear warm-up, then cosine decay to zero.

    A warm-up that is longer than the training ends with it, so that the recipe's rate is reached.
    """
    warmup = min(recipe.warmup, recipe.steps)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, recipe.steps - warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


class TrainingStep:
    """Steps of training: forward, backward, gradient clipping, and the optimiser at the scheduled learning rate."""

    def __init__(self, network: Network, recipe: Recipe) -> None:
        self.network, self.recipe = network, recipe
        self.device = next(network.parameters()).device
        self.parameters = list(network.parameters())
        # Fused: one kernel for all parameters, on devices that have it.
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=fused
        )
        self.step = 0
        self._losses: Tensor = torch.zeros((), device=self.device)
        self._norm: Tensor = torch.zeros((), device=self.device)

    def step_on(self, batch: Batch) -> None:
        loss = self.network.target_space.loss(self.network(batch), batch.target[batch.scored])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._norm = clip_grad_norm_(self.parameters, self.recipe.clip)  # not read here: that would make a GPU wait
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.recipe)
        self.optimizer.step()
        self._losses += loss.detach()  # summed on the device, because to read it at every step would make a GPU wait
        self.step += 1


class Trainer(TrainingStep):
    """Trains one network on one task. Its state can be saved and loaded.

    `validation` are the examples that decide whether the task is solved, equally many of each length.
    """

    def __init__(
        self, network: Network, task: Task, recipe: Recipe, data: TrainingData, validation: Sequence[Examples]
    ) -> None:
        super().__init__(network, recipe)
        self.task, self.data, self.validation = task, data, validation
        self.history = History()

    def train_step(self) -> None:
        self.step_on(self.data.next().to(self.device))

    def evaluate(self) -> Evaluation:
        """Evaluate on the validation examples and append to the history. Raises Diverged if a loss is not finite."""
        since = self.step - self.history.steps
        train_loss = float(self._losses) / since if since else math.nan
        self._losses.zero_()
        if since and not math.isfinite(train_loss):
            raise Diverged(f"the training loss was {train_loss} by step {self.step}", self.history)
        scores = [evaluate(self.network, self.task, examples) for examples in self.validation]
        loss = sum(each.loss for each in scores) / len(scores)
        if not math.isfinite(loss):
            raise Diverged(f"the validation loss was {loss} at step {self.step}", self.history)
        # Lengths at which the bounds are too close for a score are left out.
        scored = [each.normalised for each in scores if not math.isnan(each.normalised)]
        normalised = sum(scored) / len(scored) if scored else math.nan
        gradients = gradient_norms(self.network, self._norm, self.recipe.clip) if since else {}
        evaluation = Evaluation(self.step, train_loss, loss, normalised, gradients)
        self.history.evaluations.append(evaluation)
        return evaluation

    def run(
        self,
        progress: Progress = lambda done, total: None,
        interrupted: Callable[[], bool] = lambda: False,
        checkpoint: Checkpoint | None = None,
    ) -> History:
        """Train until the task is solved or all steps are done, from the checkpoint if there is one."""
        if checkpoint is not None and (state := checkpoint.load()) is not None:
            self.load_state(state)
        saved = time.monotonic()
        solved = self.history.steps_to_solve is not None
        if not self.history.evaluations:
            solved = self.evaluate().normalised >= SOLVED
        while self.step < self.recipe.steps and not solved:
            self.train_step()
            if self.step % self.recipe.evaluate_every == 0 or self.step == self.recipe.steps:
                solved = self.evaluate().normalised >= SOLVED
                progress(self.step, self.recipe.steps)
            stop = interrupted()
            if checkpoint is not None and (stop or time.monotonic() - saved > CHECKPOINT_SECONDS):
                checkpoint.save(self.state())
                saved = time.monotonic()
            if stop:
                raise Interrupted(f"at step {self.step} of {self.recipe.steps}")
        return self.history

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "data": self.data.state(),
            "losses": self._losses,
            "generators": seeds.global_state(),
            "history": [asdict(evaluation) for evaluation in self.history.evaluations],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.data.load_state(state["data"])
        self._losses = state["losses"].to(self.device)
        self.history = History([Evaluation(**row) for row in state["history"]])
        self.step = int(state["step"])
        seeds.load_global_state(state["generators"])


def learning_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation scores and the losses by step, and the steps to solve (NaN: not solved)."""
    for point in history.evaluations:
        for quantity, value in (("normalised", point.normalised), ("loss", point.loss)):
            yield Measurement("accuracy", quantity, value, at={"stage": "validation", "step": point.step})
        if not math.isnan(point.train_loss):
            yield Measurement("accuracy", "loss", point.train_loss, at={"stage": "train", "step": point.step})
    solved = history.steps_to_solve
    yield Measurement("accuracy", "steps_to_solve", math.nan if solved is None else solved)
    yield Measurement("accuracy", "steps", history.steps)


def pretraining_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation scores by step in pre-training, and its number of steps."""
    for point in history.evaluations:
        yield Measurement("accuracy", "normalised", point.normalised, at={"stage": "pretraining", "step": point.step})
    yield Measurement("accuracy", "steps", history.steps, at={"stage": "pretraining"})
