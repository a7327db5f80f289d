"""The process of one trial, which sends JSON messages to the engine and writes its own log."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from registry import load_plugin
from results import Outcome, Planned

from ...training.checkpoint import Checkpoint
from ...training.trainer import Interrupted
from ...trial.imports import is_local, re_exports, source_of
from ...trial.measure import measure
from ...trial.trial import Trial

CHECKPOINTS, LOGS = "checkpoints", "logs"


@dataclass(frozen=True)
class Job:
    """A trial, and where and how it runs."""

    trial: Planned
    device: str
    folder: Path
    cores: list[int]
    seconds: float


def work(job: Job, connection: Connection) -> None:
    """Measure a trial and send its outcome. It runs in a new process with its own process group."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _settle(job)
    _die_with_parent(connection)
    connection.send_bytes(b'{"ready": true}')
    outcome = _outcome(job, connection, stopping)
    connection.send_bytes(json.dumps(outcome.to_json()).encode())


def _outcome(job: Job, connection: Connection, stopping: threading.Event) -> Outcome:
    def progress(done: int, total: int) -> None:
        connection.send_bytes(json.dumps({"done": done, "total": total}).encode())

    before = set(sys.modules)
    checkpoint = Checkpoint(job.folder / CHECKPOINTS, job.trial.key)
    try:
        for plugin in job.trial.plugins:
            load_plugin(plugin)
        trial = Trial.from_json(job.trial.trial, job.trial.key)
        outcome = measure(trial, torch.device(job.device), progress, stopping.is_set, checkpoint)
    except Interrupted as error:
        return Outcome("interrupted", str(error))
    except Exception as error:
        traceback.print_exc()
        return Outcome("oom" if _is_memory(error) else "failed", _sentence(error))
    outside = uncovered(before, job.trial.modules)
    if outside:
        return Outcome(
            "failed",
            f"it loaded {', '.join(outside)}, which its key does not cover, so that a change there would not run the "
            "trial again. Import the module with an import statement in the file of the plug-in, at any place",
        )
    return outcome


def uncovered(before: set[str], covered: Sequence[str]) -> list[str]:
    """Return the local modules that were loaded since `before` and are not `covered` by the trial's key."""
    loaded = [name for name in list(sys.modules) if name not in before and name not in covered]
    return sorted(name for name in loaded if is_local(name) and source_of(name) is not None and not re_exports(name))


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _sentence(error: Exception) -> str:
    """Return the type and the first line of an error, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first}{where}"


def _settle(job: Job) -> None:
    """Set up process group, log, threads and cores, and a limit of processor time in case the engine cannot stop it."""
    os.setpgid(0, 0)
    log = job.folder / LOGS / f"{job.trial.key}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job.cores)
    torch.set_num_threads(int(job.trial.trial["threads"]))
    limit = int(2 * job.seconds * len(job.cores)) + 60
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def _die_with_parent(connection: Connection) -> None:
    """End this process group when the runner ends, even if it is killed."""

    def watch() -> None:
        try:
            connection.recv_bytes()
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
