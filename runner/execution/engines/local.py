"""Trials in parallel on this machine, each in a new process."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import psutil

from results import Outcome, Planned

from ...training.checkpoint import Checkpoint
from ...trial.trial import Trial
from .events import Advanced, Ended, EngineEvent, Started
from .worker import CHECKPOINTS, Job, work

POLL_SECONDS = 0.1
# The first optimiser and the first checkpointed block import torch._dynamo, which takes seconds.
PRELOAD = ["runner.execution.engines.worker", "torch._dynamo"]
GRACE_SECONDS = 20.0  # for writing a checkpoint after a stop


@dataclass
class _Running:
    trial: Planned
    process: ForkServerProcess
    connection: Connection
    cores: list[int]
    begin: float
    outcome: Outcome | None = None
    events: list[EngineEvent] = field(default_factory=list)


class LocalEngine:
    """Runs one trial in each slot, which is a share of the cores. A trial that must run alone gets all cores.

    Each trial is limited to `seconds` and to `memory` bytes. Beyond a limit its process group is killed.
    """

    def __init__(
        self, folder: Path, device: str, cores: Sequence[int], workers: int, seconds: float, memory: int
    ) -> None:
        self.folder, self.device, self.seconds, self.memory = folder, device, seconds, memory
        self.cores = list(cores)
        share = max(1, len(self.cores) // workers)
        self.slots = [self.cores[i * share : (i + 1) * share] or self.cores[:1] for i in range(workers)]
        self._stopping = False
        self._deadline = float("inf")
        # A server that has loaded torch starts a new process in milliseconds instead of seconds.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    def stop(self) -> None:
        self._stopping = True

    def run(self, trials: Sequence[Planned]) -> Iterator[EngineEvent | None]:
        alone = {each.key for each in trials if Trial.from_json(each.trial).alone}
        yield from self._run_all([each for each in trials if each.key not in alone], self.slots)
        yield from self._run_all([each for each in trials if each.key in alone], [self.cores])

    def _run_all(self, trials: Sequence[Planned], slots: Sequence[list[int]]) -> Iterator[EngineEvent | None]:
        waiting, free = list(trials)[::-1], list(slots)
        running: list[_Running] = []
        asked_to_stop = False
        try:
            while running or (waiting and not self._stopping):
                while waiting and free and not self._stopping:
                    running.append(self._start(waiting.pop(), free.pop()))
                    yield Started(running[-1].trial)
                if self._stopping and not asked_to_stop:
                    asked_to_stop = True
                    self._ask_to_stop(running)
                yield None
                wait([r.connection for r in running] + [r.process.sentinel for r in running], POLL_SECONDS)
                for one in list(running):
                    outcome = self._look(one)
                    yield from one.events
                    one.events.clear()
                    if outcome is not None:
                        running.remove(one)
                        free.append(one.cores)
                        yield Ended(one.trial, self._end(one, outcome))
        finally:
            for one in running:
                _kill(one.process)

    def _start(self, trial: Planned, cores: list[int]) -> _Running:
        here, there = self._context.Pipe()
        job = Job(trial, self.device, self.folder, cores, self.seconds)
        process = self._context.Process(target=work, args=(job, there), name=trial.key)
        begin = time.monotonic()
        process.start()
        there.close()
        return _Running(trial, process, here, cores, begin)

    def _ask_to_stop(self, running: list[_Running]) -> None:
        self._deadline = time.monotonic() + GRACE_SECONDS
        for one in running:
            if one.process.is_alive():
                one.process.terminate()

    def _look(self, one: _Running) -> Outcome | None:
        """Read the messages of a trial, apply its limits, and return its outcome if it has ended."""
        self._receive(one)
        if one.outcome is not None:
            one.process.join(5)
            return one.outcome
        if not one.process.is_alive():
            self._receive(one)
            return one.outcome or _crash(one.process.exitcode, self._stopping)
        return self._over_limit(one)

    def _over_limit(self, one: _Running) -> Outcome | None:
        if time.monotonic() - one.begin > self.seconds:
            return Outcome("timeout", f"it exceeded the limit of {self.seconds:g} seconds")
        if _memory_of(one.process.pid) > self.memory:
            return Outcome("oom", f"it exceeded the limit of {self.memory / 1e9:.3g} GB of memory")
        if time.monotonic() > self._deadline:
            return Outcome("interrupted", "it was stopped without a checkpoint")
        return None

    def _receive(self, one: _Running) -> None:
        try:
            while one.connection.poll():
                message = json.loads(one.connection.recv_bytes())
                if "outcome" in message:
                    one.outcome = Outcome.from_json(message)
                elif "done" in message:
                    one.events.append(Advanced(one.trial, message["done"], message["total"]))
                else:
                    # Ready: the time until the server has loaded torch does not count.
                    one.begin = time.monotonic()
        except (EOFError, OSError):
            pass  # it has ended, and its exit code says how

    def _end(self, one: _Running, outcome: Outcome) -> Outcome:
        """Remove the process and the checkpoints of a trial, and return its outcome with its time."""
        _kill(one.process)
        one.connection.close()
        if outcome.outcome != "interrupted":
            Checkpoint(self.folder / CHECKPOINTS, one.trial.key).clear()
        return replace(outcome, seconds=time.monotonic() - one.begin)


def _crash(exitcode: int | None, stopping: bool) -> Outcome:
    if stopping:
        return Outcome("interrupted", "it was stopped without a checkpoint")
    if exitcode is not None and exitcode < 0:
        return Outcome("crashed", f"its process was killed by {signal.Signals(-exitcode).name}")
    return Outcome("crashed", f"its process ended with exit code {exitcode} and without a result")


def _memory_of(pid: int | None) -> int:
    """Return the resident bytes of a process, without its children: to find those, all processes must be searched."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _kill(process: ForkServerProcess) -> None:
    """Kill the process group of a trial."""
    if process.pid is not None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()  # it has no process group yet
        except PermissionError:
            pass  # macOS raises this for a group of zombies
    process.join(5)
