"""Runs what is missing of a plan, keeps every finished cell at once, and writes the report."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console

from registry import UserError
from results import Store

from .cell import Cell
from .engines import Ended, Engine, LocalEngine
from .environment import commit, cores, describe
from .plan import Plan
from .progress import display
from .suite import Suite, SuiteFile

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


def _run_missing(engine: Engine, missing: list[Cell], store: Store, console: Console, slots: int) -> bool:
    with _interrupts(engine, console) as interrupted, display(console, missing, slots) as screen:
        for event in engine.run(missing):
            screen.show(event)
            if isinstance(event, Ended):
                ending = asdict(event.ending) | {"measurements": event.ending.measurements}
                store.finish(event.cell.key, **ending)
        return interrupted[0]


def _workers(cells: Sequence[Cell]) -> int:
    """One cell a core on a processor; one at a time on a single accelerator."""
    on_accelerator = any(cell.device != "cpu" for cell in cells)
    return 1 if on_accelerator else len(cores())


def _announce(console: Console, plan: Plan, missing: list[Cell], folder: Path) -> None:
    total = len(plan.cells)
    skipped = f", {len(plan.skips)} skipped" if plan.skips else ""
    console.print(
        f"{plan.name}: {total} cells, {total - len(missing)} finished before, {len(missing)} to run{skipped}"
        f" → {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def write_manifest(file: SuiteFile, plan: Plan, folder: Path) -> None:
    device = plan.cells[0].device if plan.cells else "cpu"
    manifest: dict[str, Any] = {
        "format": 1,
        "name": plan.name,
        "suite_file": str(file.path),
        "suite": Suite.model_dump(file.suite, mode="json"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "environment": describe(device),
        "plugins": [asdict(origin) for origin in plan.plugins],
        "unavailable": plan.unavailable,
    }
    path = folder / "manifest.json"
    if path.exists() and _without_date(json.loads(path.read_text(encoding="utf-8"))) == _without_date(manifest):
        return  # nothing but the date would change, and a report of it would be drawn again
    part = path.with_suffix(".part")
    part.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def _without_date(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "created"}


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
