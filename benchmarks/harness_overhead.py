"""How much the harness costs: its training loop against a hand-written one, and a trial's process.

    .venv/bin/python -m benchmarks.harness_overhead

Both loops train the same model on the same data in one run; they alternate, and medians are compared.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from mechanisms import MODELS
from runner.execution.engines.local import PRELOAD
from runner.training.data import TrainingData
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.trainer import Trainer
from tasks import TASKS

STEPS, ROUNDS = 40, 9
CASES = {
    "gru on copy": ("gru", "copy", 20),
    "transformer on recall": ("transformer", "recall", 32),
    "rnn_attention on copy": ("rnn_attention", "copy", 20),
}


def harness(model: str, task_name: str, length: int) -> Callable[[], None]:
    """Return a closure over STEPS steps of the harness's own loop."""
    torch.manual_seed(0)
    task = TASKS[task_name]()
    network = Network.for_task(MODELS[model](64), task, 64)
    recipe = Recipe(steps=10**6, evaluate_every=10**6)
    data = TrainingData(task, [length], recipe.batch, torch.Generator().manual_seed(1))
    trainer = Trainer(network, task, recipe, data, [])

    def steps() -> None:
        for _ in range(STEPS):
            trainer.train_step()

    return steps


def by_hand(model: str, task_name: str, length: int) -> Callable[[], None]:
    """Return the same steps written out as anybody would."""
    torch.manual_seed(0)
    task = TASKS[task_name]()
    network = Network.for_task(MODELS[model](64), task, 64)
    embedding, body, readout = network.embedding, network.model, network.readout
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / 50) * math.cos(n / 10**7))
    data = torch.Generator().manual_seed(1)

    def steps() -> None:
        for _ in range(STEPS):
            batch = task.sample(length, 64, data)
            hidden = body(embedding.source(batch.source), embedding.query(batch.query))
            logits = readout(hidden[batch.scored])
            loss = F.cross_entropy(logits, batch.target[batch.scored])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()

    return steps


def timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def compare(model: str, task_name: str, length: int) -> float:
    """Return the harness's steps per second over the hand-written loop's."""
    ours, theirs = harness(model, task_name, length), by_hand(model, task_name, length)
    ours(), theirs()
    rounds = [(timed(ours), timed(theirs)) for _ in range(ROUNDS)]
    return statistics.median(b for _, b in rounds) / statistics.median(a for a, _ in rounds)


def nothing() -> None:
    pass


def process_seconds() -> float:
    """Return the median seconds to start and end a trial's process, the server being warm."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    times = []
    for _ in range(8):
        process = context.Process(target=nothing)
        begin = time.perf_counter()
        process.start()
        process.join()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])


def main() -> None:
    torch.set_num_threads(1)
    for name, case in CASES.items():
        print(f"{name:24} harness / hand-written = {compare(*case):.3f} (steps per second, 1 is no overhead)")
    print(f"{'a process for a trial':24} {process_seconds() * 1000:.0f} ms")


if __name__ == "__main__":
    main()
