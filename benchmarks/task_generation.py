"""What making a batch costs, as a share of the training step that uses it.

    .venv/bin/python -m benchmarks.task_generation

For every task: a batch of 64 at the first length from 32 on, drawn as training draws it (several batches of one length
at a time), against a step (forward, backward, clipping, optimiser) of the smallest Transformer there is, one layer with
one head at width 64, and of the default one, on such a batch. Medians of alternating rounds, in one run.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from mechanisms import MODELS
from runner.training.data import TrainingData
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.trainer import Trainer
from tasks import TASKS, Task

WIDTH, BATCH, SHORTEST = 64, 64, 32
ROUNDS, STEPS = 9, 4
LIMIT = 0.05
TRANSFORMERS = {"smallest": {"layers": 1, "heads": 1}, "default": {}}


def drawing(task: Task, length: int) -> tuple[Callable[[], object], int]:
    """Return a closure that draws as many batches as training draws at a time, and how many those are."""
    data = TrainingData(task, [length], BATCH, torch.Generator().manual_seed(1))

    def draw() -> None:
        for _ in range(data.at_once):
            data.next()

    return draw, data.at_once


def stepping(task: Task, length: int, settings: dict[str, int]) -> Callable[[], object]:
    """Return a closure over STEPS training steps on batches that are there already."""
    torch.manual_seed(0)
    network = Network.for_task(MODELS["transformer"](WIDTH, causal=task.causal, **settings), task, WIDTH)
    data = TrainingData(task, [length], BATCH, torch.Generator().manual_seed(1))
    ready = [data.next() for _ in range(STEPS)]
    trainer = Trainer(network, task, Recipe(batch=BATCH, steps=10**6), data, [])

    def steps() -> None:
        for batch in ready:
            trainer.step_on(batch)

    return steps


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def shares(task: Task, length: int) -> tuple[float, dict[str, float]]:
    """Return the milliseconds a batch takes, and its share of a step of each Transformer."""
    draw, batches = drawing(task, length)
    steps = {name: stepping(task, length, settings) for name, settings in TRANSFORMERS.items()}
    rounds: dict[str, list[float]] = {name: [] for name in ("draw", *steps)}
    for index in range(ROUNDS + 1):
        for name, work in (("draw", draw), *steps.items()):
            taken = seconds(work)
            if index:  # the first is a warm-up
                rounds[name].append(taken)
    made = statistics.median(rounds["draw"]) / batches
    return 1000 * made, {name: made / (statistics.median(rounds[name]) / STEPS) for name in steps}


def main() -> None:
    print(f"{'task':22}{'length':>7}{'batch (ms)':>12}" + "".join(f"{name:>12}" for name in TRANSFORMERS))
    worst = 0.0
    for entry in TASKS.entries():
        task = entry.value()
        length = next(n for n in range(SHORTEST, 10**4) if task.accepts(n))
        made, found = shares(task, length)
        worst = max(worst, found["smallest"])
        mark = "  over" if found["smallest"] > LIMIT else ""
        print(f"{entry.name:22}{length:>7}{made:>12.2f}" + "".join(f"{s:>12.1%}" for s in found.values()) + mark)
    print(
        f"\nthe dearest batch takes {worst:.1%} of a step of the smallest Transformer (at most {LIMIT:.0%} is wanted)"
    )


if __name__ == "__main__":
    main()
