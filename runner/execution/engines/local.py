"""Cells side by side on this machine, each in a fresh process of its own."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from results import Measurement

from ...trial.trial import Trial
from .events import Advanced, Ended, Ending, Event, Started
from .worker import main as worker_main

POLL_SECONDS = 0.1
# The first optimiser and the first checkpointed block import torch._dynamo, which takes seconds.
PRELOAD = ["runner.execution.engines.worker", "torch._dynamo"]
GRACE_SECONDS = 20.0  # for writing a checkpoint after a stop


@dataclass
class _Running:
    cell: Trial
    process: ForkServerProcess
    connection: Connection
    cores: list[int]
    started: datetime
    begin: float
    result: dict[str, Any] | None = None
    events: list[Event] = field(default_factory=list)


class LocalEngine:
    """Runs a cell per slot; a slot is a share of the processor's cores. A cell that must be alone gets them all.

    `seconds` and `memory` (bytes) limit every cell; one that exceeds them is killed with its process group.
    """

    def __init__(self, folder: Path, cores: Sequence[int], workers: int, seconds: float, memory: int) -> None:
        self.folder, self.seconds, self.memory = folder, seconds, memory
        self.cores = list(cores)
        share = max(1, len(self.cores) // workers)
        self.slots = [self.cores[i * share : (i + 1) * share] or self.cores[:1] for i in range(workers)]
        self._stopping = False
        self._deadline = float("inf")
        # From a server that has torch loaded, a fresh process costs milliseconds instead of seconds.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    def stop(self) -> None:
        self._stopping = True

    def run(self, cells: Sequence[Trial]) -> Iterator[Event | None]:
        shared = [cell for cell in cells if not cell.alone]
        yield from self._run_all(shared, self.slots)
        yield from self._run_all([cell for cell in cells if cell.alone], [self.cores])

    def _run_all(self, cells: Sequence[Trial], slots: Sequence[list[int]]) -> Iterator[Event | None]:
        waiting, free = list(cells)[::-1], list(slots)
        running: list[_Running] = []
        asked_to_stop = False
        try:
            while running or (waiting and not self._stopping):
                while waiting and free and not self._stopping:
                    running.append(self._start(waiting.pop(), free.pop()))
                    yield Started(running[-1].cell)
                if self._stopping and not asked_to_stop:
                    asked_to_stop = True
                    self._ask_to_stop(running)
                yield None
                wait([r.connection for r in running] + [r.process.sentinel for r in running], POLL_SECONDS)
                for one in list(running):
                    ending = self._look(one)
                    yield from one.events
                    one.events.clear()
                    if ending is not None:
                        running.remove(one)
                        free.append(one.cores)
                        yield Ended(one.cell, ending)
        finally:
            for one in running:
                _kill(one.process)

    def checkpoint(self, cell: Trial) -> Path:
        return self.folder / "checkpoints" / f"{cell.key}.pt"

    def _start(self, cell: Trial, cores: list[int]) -> _Running:
        here, there = self._context.Pipe()
        log = self.folder / "logs" / f"{cell.key}.log"
        arguments = (cell.to_json(), there, str(log), str(self.checkpoint(cell)), cores, self.seconds)
        process = self._context.Process(target=worker_main, args=arguments, name=cell.key)
        begin, started = time.monotonic(), datetime.now(UTC)
        process.start()
        there.close()
        return _Running(cell, process, here, cores, started, begin)

    def _ask_to_stop(self, running: list[_Running]) -> None:
        self._deadline = time.monotonic() + GRACE_SECONDS
        for one in running:
            if one.process.is_alive():
                one.process.terminate()

    def _look(self, one: _Running) -> Ending | None:
        """Read what a cell has sent, hold it to its limits, and return how it ended once it has."""
        self._receive(one)
        if one.result is not None:
            one.process.join(5)
            return self._ending(one, **one.result)
        if not one.process.is_alive():
            self._receive(one)
            return self._ending(one, **(one.result or _crash(one.process.exitcode, self._stopping)))
        return self._over_limit(one)

    def _over_limit(self, one: _Running) -> Ending | None:
        if time.monotonic() - one.begin > self.seconds:
            return self._ending(one, "timeout", f"it took longer than the limit of {self.seconds:g} seconds")
        if _memory_of(one.process.pid) > self.memory:
            return self._ending(one, "oom", f"it took more than the limit of {self.memory / 1e9:.3g} GB of memory")
        if time.monotonic() > self._deadline:
            return self._ending(one, "interrupted", "it was stopped without a checkpoint")
        return None

    def _receive(self, one: _Running) -> None:
        try:
            while one.connection.poll():
                message = json.loads(one.connection.recv_bytes())
                if "outcome" in message:
                    one.result = message
                elif "done" in message:
                    one.events.append(Advanced(one.cell, message["done"], message["total"]))
                else:
                    # Ready. The first process waits for the server to load torch, which is not the cell's time.
                    one.begin, one.started = time.monotonic(), datetime.now(UTC)
        except (EOFError, OSError):
            pass  # it has ended; how, its exit code says

    def _ending(
        self,
        one: _Running,
        outcome: str,
        reason: str | None = None,
        path: str | None = None,
        measurements: Sequence[dict[str, Any]] = (),
    ) -> Ending:
        _kill(one.process)
        one.connection.close()
        if outcome != "interrupted":
            for written in (self.folder / "checkpoints").glob(f"{one.cell.key}*"):
                written.unlink(missing_ok=True)
        finished = datetime.now(UTC)
        return Ending(
            outcome=outcome,
            reason=reason,
            seconds=time.monotonic() - one.begin,
            path=path,
            started=one.started.isoformat(timespec="seconds"),
            finished=finished.isoformat(timespec="seconds"),
            measurements=[Measurement(**row) for row in measurements],
        )


def _crash(exitcode: int | None, stopping: bool) -> dict[str, Any]:
    if stopping:
        return {"outcome": "interrupted", "reason": "it was stopped without a checkpoint"}
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return {"outcome": "crashed", "reason": f"its process was killed by {name}"}
    return {"outcome": "crashed", "reason": f"its process ended with exit code {exitcode} and no result"}


def _memory_of(pid: int | None) -> int:
    """Return the resident bytes of a process (not of its children: to find those takes a look at every process)."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _kill(process: ForkServerProcess) -> None:
    """Kill what is left of a cell's process group."""
    if process.pid is not None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()  # too early for a group of its own
        except PermissionError:
            pass  # macOS says this of a group of zombies
    process.join(5)
