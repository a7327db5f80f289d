"""Runs what is missing of a plan, keeps every finished cell at once, and writes the report."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout
from rich.console import Console

from registry import UserError
from results import Store

from ..cli.progress import display
from ..suite.file import SuiteFile
from ..suite.plan import Plan
from ..trial.trial import Trial
from .engines import Ended, Engine, LocalEngine
from .manifest import cores, write_manifest

FINAL = ("ok", "diverged", "skipped")
FAILED = ("failed", "timeout", "oom", "crashed")
INTERRUPTED, SOME_FAILED = 130, 2


def run(
    file: SuiteFile, plan: Plan, folder: Path, console: Console, *, workers: int | None = None, retry: bool = False
) -> int:
    """Run the plan's missing cells into `folder` and return the exit code: 0, 2 (some failed) or 130 (interrupted)."""
    slots = workers or _workers(plan.cells)
    with _owned(folder), Store(folder / "results.sqlite") as store:
        store.plan(plan.rows())
        write_manifest(file, plan, folder)
        done = store.finished()
        settled = FINAL if retry else FINAL + FAILED
        missing = [cell for cell in plan.cells if done.get(cell.key) not in settled]
        _announce(console, plan, missing, folder)
        limits = file.suite.limits
        engine = LocalEngine(folder, cores(), slots, limits.seconds, int(limits.memory))
        stopped = _run_missing(engine, missing, store, console, slots) if missing else False
        outcomes = Counter(cell["outcome"] for cell in store.cells())
    if stopped:
        left = outcomes[None] + outcomes["interrupted"]
        console.print(f"Interrupted. The same command goes on from here: {left} cells are left.")
        return INTERRUPTED
    return SOME_FAILED if any(outcomes[outcome] for outcome in FAILED) else 0


def _run_missing(engine: Engine, missing: list[Trial], store: Store, console: Console, slots: int) -> bool:
    with _interrupts(engine, console) as interrupted, display(console, missing, slots) as screen:
        for event in engine.run(missing):
            screen.show(event)
            if isinstance(event, Ended):
                ending = asdict(event.ending) | {"measurements": event.ending.measurements}
                store.finish(event.cell.key, **ending)
        return interrupted[0]


def _workers(cells: Sequence[Trial]) -> int:
    """One cell a core on a processor; one at a time on a single accelerator."""
    on_accelerator = any(cell.device != "cpu" for cell in cells)
    return 1 if on_accelerator else len(cores())


def _announce(console: Console, plan: Plan, missing: list[Trial], folder: Path) -> None:
    total = len(plan.cells)
    skipped = f", {len(plan.skips)} skipped" if plan.skips else ""
    console.print(
        f"{plan.name}: {total} cells, {total - len(missing)} finished before, {len(missing)} to run{skipped}"
        f" → {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"another run is writing to {folder}; wait for it, or name another folder with --out") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written to: {os.strerror(error.errno or 0)}") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _interrupts(engine: Engine, console: Console) -> Iterator[list[bool]]:
    """The first Ctrl-C stops the engine gently, the second at once."""
    interrupted = [False]

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupted[0]:
            raise KeyboardInterrupt
        interrupted[0] = True
        engine.stop()
        console.print("Stopping: what runs writes its checkpoint. Ctrl-C again stops at once.")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
