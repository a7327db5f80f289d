"""The process of one trial, which sends messages to the engine and writes its own log."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from registry import load_plugin
from registry.errors import shorten
from results import Outcome

from ....training.checkpoint import Checkpoint
from ....training.trainer import Interrupted
from ....trial.imports import is_local, re_exports, source_of
from ....trial.key import key_of
from ....trial.measure import measure
from ....trial.trial import Trial
from .job import CHECKPOINTS, Job
from .limits import limit_processor_time
from .messages import Message, Progress, Ready, encode

PROGRESS_SECONDS = 0.1
LONGEST = 500  # characters of an error
CHANGED = (
    "changed during the run, so it is not known what was measured; give the same command again, with --retry if the "
    "change was undone"
)


def work(data: Mapping[str, Any], connection: socket.socket) -> None:
    """Measure a trial and send its outcome. It runs in a new process with its own session."""
    job = Job.from_json(data)
    channel = _Channel(connection, job.trial.key)
    stopping = threading.Event()
    try:
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        _settle(job)
        _die_with_runner(connection)
    except Exception as error:
        traceback.print_exc()
        channel.send(Outcome("crashed", f"its process could not be set up: {_sentence(error)}"))
        return
    channel.send(Ready())
    outcome = _outcome(job, channel, stopping)
    try:
        channel.send(outcome)
    except (TypeError, ValueError) as error:  # it measures what JSON does not have
        channel.send(Outcome("failed", _sentence(error)))


class _Channel:
    """Sends messages of this process. A copy of it, which a trial has forked and which comes here too, ends."""

    def __init__(self, connection: socket.socket, key: str) -> None:
        self._connection, self._key, self._pid = connection, key, os.getpid()
        self._last = 0.0

    def send(self, message: Message) -> None:
        if os.getpid() != self._pid:
            os._exit(1)
        self._connection.sendall(encode(message, self._key))

    def progress(self, done: int, total: int) -> None:
        """Tell the progress, but no more than ten times a second."""
        if done >= total or time.monotonic() - self._last > PROGRESS_SECONDS:
            self._last = time.monotonic()
            total = max(0, int(total))
            self.send(Progress(min(max(0, int(done)), total), total))


def _outcome(job: Job, channel: _Channel, stopping: threading.Event) -> Outcome:
    before = set(sys.modules)
    checkpoint = Checkpoint(job.folder / CHECKPOINTS, job.trial.key)
    try:
        for plugin in job.trial.plugins:
            load_plugin(plugin)
        trial = Trial.from_json(job.trial.trial, job.trial.key)
        outcome = measure(trial, torch.device(job.device), channel.progress, stopping.is_set, checkpoint)
        outside = uncovered(before, job.trial.modules)
        # The fork server has loaded all other code, and the runner has compared that with the plan.
        changed = bool(job.trial.plugins) and key_of(trial) != job.trial.key
    except Interrupted as error:
        return Outcome("interrupted", str(error))
    except BaseException as error:  # SystemExit too: only this trial ends
        with suppress(Exception):  # the trial may have closed its log
            traceback.print_exc()
        return Outcome("oom" if _is_memory(error) else "failed", _sentence(error))
    if changed:
        return Outcome("failed", f"{shorten(' or '.join(job.trial.plugins), LONGEST)} {CHANGED}")
    if outside:
        names = shorten(", ".join(outside), LONGEST)
        return Outcome(
            "failed",
            f"it loaded {names}, which its key does not cover, so that a change there would not run the trial again. "
            "Import the module with an import statement in the file of the plug-in, at any place",
        )
    return outcome


def uncovered(before: set[str], covered: Sequence[str]) -> list[str]:
    """Return the local modules that were loaded since `before` and are not `covered` by the trial's key."""
    loaded = [name for name in list(sys.modules) if name not in before and name not in covered]
    return sorted(name for name in loaded if is_local(name) and source_of(name) is not None and not re_exports(name))


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in _text(error)


def _sentence(error: BaseException) -> str:
    """Return the type and the first line of an error, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    first = (_text(error).strip().splitlines() or ["no message"])[0]
    return f"{shorten(type(error).__name__, LONGEST)}: {shorten(first, LONGEST)}{where}"


def _text(error: BaseException) -> str:
    """Return the text of an error; to make that of a plug-in's exception may raise another one."""
    try:
        return str(error)
    except BaseException as another:
        return f"its text cannot be made: {type(another).__name__}"


def _settle(job: Job) -> None:
    """Set up standard output and error, threads and cores, and a limit of time in case the engine cannot stop it."""
    # The fork server has put the log in their place.
    sys.stdout = open(1, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # a container may refuse it, or have lost the cores
            os.sched_setaffinity(0, job.cores)
    torch.set_num_threads(int(job.trial.trial["threads"]))
    limit_processor_time(2 * job.seconds * len(job.cores) + 60)


def _die_with_runner(connection: socket.socket) -> None:
    """End this process and those that it has started when the runner ends, even if it is killed."""

    def watch() -> None:
        try:
            ended = connection.recv(1) == b""
        except OSError:
            return  # the trial has closed it
        if ended:
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
