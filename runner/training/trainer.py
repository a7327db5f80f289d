"""The training recipe: fresh data every step, AdamW with warm-up and cosine decay, stop once solved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from results import Measurement
from tasks import Batch, Task

from .checkpoint import load_checkpoint, save_checkpoint
from .data import Examples, TrainingData
from .evaluate import evaluate
from .network import Network
from .recipe import Recipe

SOLVED = 0.99  # of the normalised validation score
CHECKPOINT_SECONDS = 30.0


class Diverged(Exception):
    """The loss is no longer a finite number."""


class Interrupted(Exception):
    """The run was asked to stop; the checkpoint is written."""


@dataclass
class Evaluation:
    step: int
    train_loss: float
    loss: float
    normalised: float


@dataclass
class History:
    """The learning curve; `steps_to_solve` is None where the task was not solved."""

    evaluations: list[Evaluation] = field(default_factory=list)

    @property
    def steps(self) -> int:
        return self.evaluations[-1].step if self.evaluations else 0

    @property
    def steps_to_solve(self) -> int | None:
        return next((e.step for e in self.evaluations if e.normalised >= SOLVED), None)


def learning_rate_at(step: int, recipe: Recipe) -> float:
    """Return the rate of 0-based `step`: linear warm-up to the peak, then a cosine down to zero."""
    if step < recipe.warmup:
        return recipe.peak * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.peak * 0.5 * (1 + math.cos(math.pi * done))


class Trainer:
    """Trains one network on one task. Its whole state can be saved and taken up again.

    `validation` are the examples on which it counts as solved, of each length alike.
    """

    def __init__(
        self, network: Network, task: Task, recipe: Recipe, data: TrainingData, validation: Sequence[Examples]
    ) -> None:
        self.network, self.task, self.recipe, self.data, self.validation = network, task, recipe, data, validation
        self.device = next(network.parameters()).device
        self.parameters = list(network.parameters())
        # Fused: one kernel for all parameters, where the device has it.
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.peak, weight_decay=recipe.weight_decay, fused=fused
        )
        self.history = History()
        self.step = 0
        self._losses: Tensor = torch.zeros((), device=self.device)

    def train_step(self) -> None:
        self.step_on(self.data.next().to(self.device))

    def step_on(self, batch: Batch) -> None:
        """Take one step on a batch: forward, backward, clipping and the optimiser."""
        loss = self.network.ends.loss(self.network(batch), batch.target[batch.scored])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        clip_grad_norm_(self.parameters, self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.recipe)
        self.optimizer.step()
        self._losses += loss.detach()  # summed on the device: reading it every step would stall a GPU
        self.step += 1

    def evaluate(self) -> Evaluation:
        """Score on validation, append to the history. Raises Diverged where a loss is not finite."""
        since = self.step - self.history.steps
        train_loss = float(self._losses) / since if since else math.nan
        self._losses.zero_()
        if since and not math.isfinite(train_loss):
            raise Diverged(f"the training loss was {train_loss} by step {self.step}")
        scores = [evaluate(self.network, self.task, examples) for examples in self.validation]
        loss = sum(each.loss for each in scores) / len(scores)
        if not math.isfinite(loss):
            raise Diverged(f"the validation loss was {loss} at step {self.step}")
        normalised = sum(each.normalised for each in scores) / len(scores)
        evaluation = Evaluation(self.step, train_loss, loss, normalised)
        self.history.evaluations.append(evaluation)
        return evaluation

    def run(
        self,
        progress: Callable[[int, int], None] = lambda done, total: None,
        interrupted: Callable[[], bool] = lambda: False,
        checkpoint: Path | None = None,
    ) -> History:
        """Train until solved or out of steps, from the checkpoint where there is one."""
        if checkpoint is not None and checkpoint.exists():
            self.load_state(load_checkpoint(checkpoint))
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
                save_checkpoint(checkpoint, self.state())
                saved = time.monotonic()
            if stop:
                raise Interrupted(f"at step {self.step} of {self.recipe.steps}")
        return self.history

    def state(self) -> dict[str, object]:
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "data": self.data.state(),
            "losses": self._losses,
            "history": [asdict(evaluation) for evaluation in self.history.evaluations],
        }

    def load_state(self, state: dict[str, object]) -> None:
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        self.data.load_state(state["data"])  # type: ignore[arg-type]
        self._losses = state["losses"].to(self.device)  # type: ignore[attr-defined]
        self.history = History([Evaluation(**row) for row in state["history"]])  # type: ignore[attr-defined]
        self.step = int(state["step"])  # type: ignore[call-overload]


def learning_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation and training scores by step, and the steps to solve (NaN where never)."""
    for point in history.evaluations:
        for quantity, value in (("normalised", point.normalised), ("loss", point.loss)):
            yield Measurement("accuracy", quantity, value, stage="validation", step=point.step)
        if not math.isnan(point.train_loss):
            yield Measurement("accuracy", "loss", point.train_loss, stage="train", step=point.step)
    solved = history.steps_to_solve
    yield Measurement("accuracy", "steps_to_solve", math.nan if solved is None else solved, unit="steps")
    yield Measurement("accuracy", "steps", history.steps, unit="steps")


def pretraining_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation scores on the task that was trained on before the cell's own, and how long that was."""
    for point in history.evaluations:
        yield Measurement("accuracy", "normalised", point.normalised, stage="pretraining", step=point.step)
    yield Measurement("accuracy", "steps", history.steps, unit="steps", stage="pretraining")
