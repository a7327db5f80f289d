"""Runs the missing trials of a plan, and stores each as soon as it has finished.

A trial that crashed or exceeded its time runs again as often as the suite says, after all others. The store counts
its attempts, so that a run that was killed goes on where it was.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from filelock import FileLock, Timeout

from registry import UserError
from results import Outcome, Planned, Store
from results.store.connection import DamagedError
from results.store.database import RETRIED
from results.store.load import STORE

from ..suite.file import SuiteFile
from ..suite.plan import Plan
from ..trial.imports import name_in_keys, source_of, tree_digest
from ..trial.key import read_sources_again
from ..trial.machine import cores
from .engines import Ended, Engine, EngineEvent, LocalEngine
from .engines.local import Limits
from .manifest import write_manifest
from .signals import ENDS, handling

FINAL = ("ok", "diverged", "skipped")
FAILED = ("failed", "timeout", "oom", "crashed")


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


@dataclass(frozen=True)
class Retried:
    """A trial has ended with this outcome, and will run again."""

    trial: Planned
    outcome: Outcome


Event: TypeAlias = Opened | EngineEvent | Retried | Stopping | Closed


def run(
    file: SuiteFile, plan: Plan, folder: Path, *, workers: int | None = None, retry: bool = False
) -> Iterator[Event | None]:
    """Run the missing trials of the plan into `folder`, and yield events, Opened first and Closed last.

    With `retry`, failed trials run again. While nothing happens, None is yielded.
    """
    slots = workers or default_workers(plan.device, file.suite.threads)
    with _owned(folder), Store(folder / STORE) as store:
        store.plan(plan.planned, plan.unavailable, plan.quantities)
        write_manifest(file, plan, folder)
        queue = _Queue(store, plan, file.suite.retries, retry)
        yield Opened(queue.waiting, slots)
        limits = Limits(file.suite.limits.seconds, int(file.suite.limits.memory))
        modules = {name for each in plan.planned for name in each.modules}
        loaded = partial(require_unchanged, {name: tree_digest(name) for name in modules})
        engine = LocalEngine(folder, plan.device, cores(), slots, limits, plan.quantities, loaded=loaded)
        with _moved_if_damaged(store):
            with _interrupts(engine) as interrupted:
                yield from _run_missing(engine, queue, store, interrupted)
            yield Closed(Counter(row["outcome"] for row in store.trials()), interrupted[0])


class _Queue:
    """The trials to run, and how often each may still fail before it is left alone."""

    def __init__(self, store: Store, plan: Plan, retries: int, retry: bool) -> None:
        self.retries = retries
        # With `retry`, what failed begins again with all its attempts.
        past = {} if retry else store.attempts()
        self.failures = Counter({key: sum(each.outcome in RETRIED for each in past[key]) for key in past})
        done = store.finished()
        self.waiting = [
            each
            for each in plan.planned
            if each.reason is None and self._is_missing(done.get(each.key), each.key, retry)
        ]

    def _is_missing(self, outcome: str | None, key: str, retry: bool) -> bool:
        if outcome in RETRIED:
            return retry or self.failures[key] <= self.retries
        return outcome not in (FINAL if retry else FINAL + FAILED)

    def runs_again(self, trial: Planned, outcome: Outcome) -> bool:
        """Count a failure, and put the trial back where it may run again."""
        if outcome.outcome not in RETRIED:
            return False
        self.failures[trial.key] += 1
        if self.failures[trial.key] > self.retries:
            return False
        self.waiting.append(trial)
        return True


def _run_missing(
    engine: Engine, queue: _Queue, store: Store, interrupted: list[bool]
) -> Iterator[EngineEvent | Retried | Stopping | None]:
    stopping = False
    # The clock may have been set back, and no two sessions may have one name.
    session = f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {secrets.token_hex(4)}"
    while queue.waiting and not interrupted[0]:
        missing, queue.waiting = queue.waiting, []
        # Closed at once where storing fails: the trials that are still running end with it.
        with closing(engine.run(missing)) as events:
            for event in events:
                if interrupted[0] and not stopping:
                    stopping = True
                    yield Stopping()
                if isinstance(event, Ended):
                    _finish(store, event.trial.key, replace(event.outcome, session=session))
                    if queue.runs_again(event.trial, event.outcome):
                        yield Retried(event.trial, event.outcome)
                        continue
                yield event


def _finish(store: Store, key: str, outcome: Outcome) -> None:
    """Store an outcome. Raises UserError where the disk is full, which is no fault of the trial."""
    if outcome.outcome in ("failed", "crashed"):
        _require_space(store.path.parent)
    try:
        store.finish(key, outcome)
    except KeyError:
        raise UserError(f"{store.path} was overwritten during the run; give the same command again") from None
    except ValueError as error:
        store.finish(key, Outcome("failed", str(error), outcome.seconds, session=outcome.session))


def _require_space(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(2**16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = error.strerror or "unknown error"
        raise UserError(f"cannot write to {folder}: {why}; give the same command again when that is possible") from None


@contextmanager
def _moved_if_damaged(store: Store) -> Iterator[None]:
    """Move a store away that was whole when the run began and is not any more, so that the next run can begin."""
    try:
        yield
    except DamagedError as error:
        store.close()
        left = store.path.rename(store.path.with_name(f"{STORE}.damaged"))
        store.path.with_name(f"{STORE}-journal").unlink(missing_ok=True)
        sentence = f"{store.path} was damaged or overwritten during the run, and is now {left.name}; "
        raise UserError(f"{sentence}the same command begins anew") from error


def require_unchanged(digests: Mapping[str, str]) -> None:
    """Raise UserError if a module is not that of its digest: results of its code would have the keys of the old."""
    read_sources_again()
    changed = [name for name, digest in digests.items() if source_of(name) is None or tree_digest(name) != digest]
    if changed:
        names = ", ".join(sorted(map(name_in_keys, changed)))
        raise UserError(f"{names} changed after the run was planned; give the same command again")


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
        raise UserError(f"cannot write to {error.filename or folder}: {os.strerror(error.errno or 0)}") from None
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

    with handling((signal.SIGINT, *ENDS), handle):
        yield interrupted
