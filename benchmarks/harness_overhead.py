"""How much the harness costs or saves: its training loop and its decoders against hand-written ones.

    .venv/bin/python -m benchmarks.harness_overhead [--rounds 9]

Two loops train the same model on the same data in one run: the hand-written one has the readout at the scored positions
only, as the harness has it, or at all positions. The recurrent decoders are compared with a loop around torch's cells,
with one thread and with two. What is compared alternates, and each ratio is the median over the rounds. Last, the
seconds that a trial's process takes to start and end.
"""

from __future__ import annotations

import argparse
import math
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.hand_written_decoders import DECODERS, SCORES, HandWritten
from mechanisms import MODELS
from runner.execution.engines.local.engine import PRELOAD
from runner.execution.engines.local.launcher import Launcher
from runner.training.data import TrainingData
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.trainer import Trainer
from tasks import TASKS, Task

STEPS = 40
CASES: dict[str, tuple[str, Task, int]] = {
    "gru on copy": ("gru", TASKS["copy"](), 20),
    "transformer on recall": ("transformer", TASKS["recall"](), 32),
    "rnn_attention on copy": ("rnn_attention", TASKS["copy"](), 20),
}
WORDS = 8192
# 4 of its 120 queries are scored.
MANY_WORDS = ("gru", TASKS.build({"recall": {"vocabulary": WORDS}}), 128)
WIDTH, BATCH = 64, 64
SHAPES = ((32, 32), (128, 64))


def harness(model: str, task: Task, length: int, count: int = STEPS) -> Callable[[], None]:
    """Return a closure over `count` steps of the harness's own loop."""
    torch.manual_seed(0)
    network = Network.for_task(MODELS[model](WIDTH), task, WIDTH)
    recipe = Recipe(steps=10**6, evaluate_every=10**6)
    data = TrainingData(task, [length], recipe.batch, torch.Generator().manual_seed(1))
    trainer = Trainer(network, task, recipe, data, [])

    def steps() -> None:
        for _ in range(count):
            trainer.train_step()

    return steps


def by_hand(
    model: str, task: Task, length: int, count: int = STEPS, *, all_positions: bool = False
) -> Callable[[], None]:
    """Return the same steps written out as anybody would, with the readout at the scored positions or at all."""
    torch.manual_seed(0)
    network = Network.for_task(MODELS[model](WIDTH), task, WIDTH)
    embedding, body, readout = network.embedding, network.model, network.readout
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / 50) * math.cos(n / 10**7))
    data = torch.Generator().manual_seed(1)

    def steps() -> None:
        for _ in range(count):
            batch = task.sample(length, BATCH, data)
            hidden = body(embedding.source(batch.source), embedding.query(batch.query))
            logits = readout(hidden)[batch.scored] if all_positions else readout(hidden[batch.scored])
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


def ratio(ours: Callable[[], None], theirs: Callable[[], None], rounds: int) -> float:
    """Return the median over alternating rounds of the seconds of theirs over those of ours."""
    for work in (ours, theirs):
        work()
    return statistics.median(1 / timed(ours) * timed(theirs) for _ in range(rounds))


def decoding_step(model: nn.Module, source: torch.Tensor, query: torch.Tensor) -> Callable[[], None]:
    """Return a forward and a backward pass."""

    def step() -> None:
        model.zero_grad()
        model(source, query).square().mean().backward()

    return step


def decoders(rounds: int) -> None:
    """Print the hand-written loop's seconds over ours, for every decoder, score, shape and number of threads."""
    print("hand-written decoder / rnn_attention (seconds of a forward and a backward pass), for source x queries")
    for length, queries in SHAPES:
        source, query = torch.randn(BATCH, length, WIDTH), torch.randn(BATCH, queries, WIDTH)
        for decoder in DECODERS:
            for score in SCORES:
                model = MODELS.build({"rnn_attention": {"decoder": decoder, "alignment": score}}, WIDTH)
                ours = decoding_step(model, source, query)
                theirs = decoding_step(HandWritten(WIDTH, decoder, score), source, query)
                found = []
                for threads in (1, 2):
                    torch.set_num_threads(threads)
                    found.append(f"{ratio(ours, theirs, rounds):.2f} with {threads} thread{'s' * (threads > 1)}")
                print(f"  {decoder + ', ' + score:32} {length} x {queries}: {', '.join(found)}", flush=True)
    torch.set_num_threads(1)


def nothing(job: object, connection: socket.socket) -> None:
    pass


def process_seconds() -> float:
    """Return the median seconds to start and end a trial's process, the server being warm."""
    times = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        launcher = Launcher("benchmarks.harness_overhead:nothing", PRELOAD, Path(folder))
        for _ in range(8):
            here, there = socket.socketpair()
            begin = time.perf_counter()
            pid = launcher.start({}, [there.fileno(), log.fileno()])
            while pid not in launcher.exits:
                launcher.read(1.0)
            times.append(time.perf_counter() - begin)
            here.close()
            there.close()
        launcher.close()
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("hand-written / harness (seconds a step; 1 is no overhead)")
    for name, case in CASES.items():
        print(f"  {name:32} {ratio(harness(*case), by_hand(*case), rounds):.3f}")
    model, task, length = MANY_WORDS
    ours, theirs = harness(model, task, length, 4), by_hand(model, task, length, 4, all_positions=True)
    name = f"{model} on recall, {WORDS} words"
    print(f"  {name:32} {ratio(ours, theirs, rounds):.1f} with the hand-written readout at all positions")
    decoders(rounds)
    print(f"a process for a trial: {process_seconds() * 1000:.0f} ms")


if __name__ == "__main__":
    main()
