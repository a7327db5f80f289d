"""The process of one cell. It talks to the runner in JSON messages and writes its own log."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from ...training.trainer import Interrupted
from ...trial.measure import measure
from ...trial.trial import Trial


def main(
    cell_json: str, connection: Connection, log: str, checkpoint: str, cores: Sequence[int], seconds: float
) -> None:
    """Measure a cell and send its result; run in a fresh process, in a process group of its own."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _settle(log, cores, seconds)
    _die_with_parent(connection)
    connection.send_bytes(b'{"ready": true}')
    result = _result(Trial.from_json(cell_json), connection, stopping, Path(checkpoint))
    connection.send_bytes(json.dumps(result).encode())


def _result(cell: Trial, connection: Connection, stopping: threading.Event, checkpoint: Path) -> dict[str, Any]:
    def progress(done: int, total: int) -> None:
        connection.send_bytes(json.dumps({"done": done, "total": total}).encode())

    try:
        measured = measure(cell, progress, stopping.is_set, checkpoint)
    except Interrupted as error:
        return {"outcome": "interrupted", "reason": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"outcome": "oom" if _is_memory(error) else "failed", "reason": _sentence(error)}
    return {
        "outcome": "ok" if measured.reason is None else "diverged",
        "reason": measured.reason,
        "path": measured.path,
        "measurements": [asdict(row) for row in measured.measurements],
    }


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _sentence(error: Exception) -> str:
    """Return the error's first line with its type and the place in which it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first}{where}"


def _settle(log: str, cores: Sequence[int], seconds: float) -> None:
    """Own process group, own log, pinned threads, and a processor-time limit as the last resort."""
    os.setpgid(0, 0)
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(len(cores))
    limit = int(2 * seconds * len(cores)) + 60
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def _die_with_parent(connection: Connection) -> None:
    """End this process group when the runner is gone, even if it was killed outright."""

    def watch() -> None:
        try:
            connection.recv_bytes()
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
