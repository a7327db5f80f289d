"""Runs the missing trials of a plan, and stores each as soon as it has finished."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from filelock import FileLock, Timeout

from registry import UserError
from results import Planned, Store

from ..suite.file import SuiteFile
from ..suite.plan import Plan
from ..trial.machine import cores
from .engines import Ended, Engine, EngineEvent, LocalEngine
from .engines.local import Limits
from .manifest import write_manifest

FINAL = ("ok", "diverged", "skipped")
FAILED = ("failed", "timeout", "oom", "crashed")
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Opened:
    """The run begins, with the missing trials, and `workers` of them at the same time."""

    missing: Sequence[Planned]
    workers: int


@dataclass(frozen=True)
class Stopping:
    """The run was asked to stop, and running trials write a checkpoint."""


@dataclass(frozen=True)
class Closed:
    """The run has ended, with this number of trials of each outcome (None: not run)."""

    outcomes: Counter[str | None]
    interrupted: bool

    @property
    def left(self) -> int:
        return self.outcomes[None] + self.outcomes["interrupted"]

    @property
    def failed(self) -> int:
        return sum(self.outcomes[outcome] for outcome in FAILED)


Event: TypeAlias = Opened | EngineEvent | Stopping | Closed


def run(
    file: SuiteFile, plan: Plan, folder: Path, *, workers: int | None = None, retry: bool = False
) -> Iterator[Event | None]:
    """Run the missing trials of the plan into `folder`, and yield events, Opened first and Closed last.

    With `retry`, failed trials run again. While nothing happens, None is yielded.
    """
    slots = workers or default_workers(plan.device, file.suite.threads)
    with _owned(folder), Store(folder / "results.sqlite") as store:
        store.plan(plan.planned, plan.unavailable, plan.quantities)
        write_manifest(file, plan, folder)
        done = store.finished()
        settled = FINAL if retry else FINAL + FAILED
        missing = [each for each in plan.planned if each.reason is None and done.get(each.key) not in settled]
        yield Opened(missing, slots)
        limits = Limits(file.suite.limits.seconds, int(file.suite.limits.memory))
        engine = LocalEngine(folder, plan.device, cores(), slots, limits, plan.quantities)
        with _interrupts(engine) as interrupted:
            yield from _run_missing(engine, missing, store, interrupted)
        yield Closed(Counter(row["outcome"] for row in store.trials()), interrupted[0])


def _run_missing(
    engine: Engine, missing: Sequence[Planned], store: Store, interrupted: list[bool]
) -> Iterator[EngineEvent | Stopping | None]:
    stopping = False
    session = datetime.now(UTC).isoformat(timespec="milliseconds")
    for event in engine.run(missing) if missing else ():
        if interrupted[0] and not stopping:
            stopping = True
            yield Stopping()
        if isinstance(event, Ended):
            store.finish(event.trial.key, replace(event.outcome, session=session))
        yield event


def default_workers(device: str, threads: int) -> int:
    """Return the number of trials for which a processor has cores; on an accelerator one at a time."""
    return max(1, len(cores()) // threads) if device == "cpu" else 1


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Lock the folder for this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"another run is writing to {folder}; wait until it ends, or choose another folder with --out"
        ) from None
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {os.strerror(error.errno or 0)}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _interrupts(engine: Engine) -> Iterator[list[bool]]:
    """Let the first Ctrl-C or request to end ask the engine to stop, and the second stop it at once."""
    interrupted = [False]

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupted[0]:
            raise KeyboardInterrupt
        interrupted[0] = True
        engine.stop()

    # Under nohup, SIGHUP stays ignored.
    ignored = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else []
    before = {number: signal.signal(number, handle) for number in STOPS if number not in ignored}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
