"""The engine that runs trials on this machine."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from registry import UserError
from results import Outcome, Planned

from ....training.checkpoint import Checkpoint
from ....trial.trial import Trial
from ..events import Advanced, Ended, EngineEvent, Started
from .job import CHECKPOINTS, LOGS, Job
from .launcher import Launcher, ServerDied, StartFailed
from .limits import Limits, Memory
from .process import WITHOUT_CHECKPOINT, TrialProcess

POLL_SECONDS = 0.1
TARGET = "runner.execution.engines.local.worker:work"
# The first optimiser and the first checkpointed block import torch._dynamo, which takes seconds.
PRELOAD = ("torch._dynamo",)
GRACE_SECONDS = 20.0  # for writing a checkpoint after a stop
END_SECONDS = 5.0  # for the end of a process that was killed
MOST_DEATHS = 3  # of the fork server, while the same trial ran or while none did
MOST_STOPS = 3  # of a trial, by a signal that is not the engine's


class LocalEngine:
    """Runs one trial in each slot, which is a share of the cores. A trial that must run alone gets all cores.

    Each trial has the `limits`, and may measure the `quantities` by these names. `loaded` is called when a fork server
    has loaded the code, and may raise. If the fork server ends, another is
    started, and the trials that were running run again, one at a time: the one with which it ends again and again has
    crashed.
    """

    def __init__(
        self,
        folder: Path,
        device: str,
        cores: Sequence[int],
        workers: int,
        limits: Limits,
        quantities: Collection[str] | None = None,
        target: str = TARGET,
        preload: Sequence[str] = PRELOAD,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder, self.device, self.limits, self.quantities = folder, device, limits, quantities
        self.target, self.preload, self.loaded = target, preload, loaded
        self.cores = list(cores)
        share = max(1, len(self.cores) // workers)
        self.slots = [self.cores[i * share : (i + 1) * share] or self.cores[:1] for i in range(workers)]
        self._stopping = False
        self._stop_by: float | None = None
        self._launcher: Launcher | None = None
        self._trusted: Launcher | None = None
        self._memory = Memory()
        self._waiting: deque[Planned] = deque()
        self._free: list[list[int]] = []
        self._running: list[TrialProcess] = []
        self._announced: set[str]  # these are of one run
        self._deaths: Counter[str]
        self._stops: Counter[str]
        self._failures: int

    def stop(self) -> None:
        self._stopping = True

    def run(self, trials: Sequence[Planned]) -> Generator[EngineEvent | None, None, None]:
        alone = {each.key for each in trials if Trial.from_json(each.trial).alone}
        self._announced, self._deaths, self._stops, self._failures = set(), Counter(), Counter(), 0
        try:
            yield from self._run_all([each for each in trials if each.key not in alone], self.slots)
            yield from self._run_all([each for each in trials if each.key in alone], [self.cores])
        finally:
            self._leave()

    def _leave(self) -> None:
        """Kill what still runs, and remove what it has left half written."""
        for process in self._running:
            process.kill()
            process.close()
        self._running = []
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None
        # Finished checkpoints have names without a dot in front. The folder belongs to this run alone.
        for left in (self.folder / CHECKPOINTS).glob(".*"):
            left.unlink(missing_ok=True)

    def _run_all(self, trials: Sequence[Planned], slots: Sequence[list[int]]) -> Iterator[EngineEvent | None]:
        self._waiting, self._free = deque(trials), list(slots)
        while self._running or (self._waiting and not self._stopping):
            try:
                yield from self._step()
            except ServerDied as error:
                yield from self._replace_server(str(error))

    def _step(self) -> Iterator[EngineEvent | None]:
        """Start what can be started, wait for news for a moment, and tell them."""
        launcher = self._serving()
        if launcher.ready and launcher is not self._trusted:
            self.loaded()
            self._trusted = launcher
        while (trial := self._next(launcher)) is not None:
            yield from self._start(launcher, trial)
        if self._stopping and self._stop_by is None:
            self._stop_by = time.monotonic() + GRACE_SECONDS
            for process in self._running:
                process.stop(self._stop_by)
        yield None
        wait(
            [launcher.control, *(each.inbox.connection for each in self._running if not each.inbox.closed)],
            POLL_SECONDS,
        )
        launcher.read()
        leaders = [each.pid for each in self._running]
        for process in list(self._running):
            outcome = process.look(launcher.exits.get(process.pid), self._memory.of(process.pid, leaders))
            if process.progress is not None:
                yield Advanced(process.trial, process.progress.done, process.progress.total)
                process.progress = None
            if outcome is not None:
                yield from self._end(process, outcome)

    def _serving(self) -> Launcher:
        if self._launcher is None:
            try:
                self._launcher = Launcher(self.target, self.preload, self.folder / LOGS)
            except OSError as error:
                what = f"{error.filename} cannot be used" if error.filename else "the system does not start it"
                raise ServerDied(f"{what}: {error.strerror}") from None
        return self._launcher

    def _next(self, launcher: Launcher) -> Planned | None:
        """Return the trial that is to start now, if there is one."""
        if self._stopping or not self._waiting or not self._free or not launcher.ready:
            return None
        # Trials during which the fork server has died run alone, so that it is known which of them does it.
        suspects = [self._waiting[0].key, *(each.trial.key for each in self._running)]
        if self._running and any(self._deaths[key] for key in suspects):
            return None
        return self._waiting.popleft()

    def _start(self, launcher: Launcher, trial: Planned) -> Iterator[EngineEvent]:
        cores = self._free.pop()
        process = TrialProcess(
            trial, cores, self.folder / LOGS / f"{trial.key}.log", self.limits, declared=self.quantities
        )
        job = Job(trial, self.device, self.folder, cores, self.limits.seconds)
        outcome = None
        try:
            process.started(launcher.start(job.to_json(), process.handles))
        except StartFailed as error:
            outcome = Outcome("crashed", f"the system does not start its process: {error}")
        except ServerDied:
            process.close()
            self._free.append(cores)
            self._waiting.appendleft(trial)
            raise
        self._failures = 0
        self._running.append(process)
        if trial.key not in self._announced:
            self._announced.add(trial.key)
            yield Started(trial)
        if outcome is not None:
            yield from self._end(process, outcome)

    def _end(self, process: TrialProcess, outcome: Outcome) -> Iterator[EngineEvent]:
        """Remove a process, and yield how its trial ended. One that was stopped by somebody else runs again."""
        outcome = replace(process.explained(outcome), seconds=process.seconds)
        self._await_end(process)
        process.close()
        self._running.remove(process)
        self._free.append(process.cores)
        key = process.trial.key
        if outcome.outcome == "interrupted" and not self._stopping:
            self._stops[key] += 1
            if self._stops[key] <= MOST_STOPS:
                self._waiting.appendleft(process.trial)
                return
            sentence = (
                f"it was stopped {MOST_STOPS + 1} times by a signal, though not by the runner; last {outcome.reason}"
            )
            outcome = replace(outcome, outcome="crashed", reason=sentence)
        if outcome.outcome != "interrupted":
            Checkpoint(self.folder / CHECKPOINTS, key).clear()
        yield Ended(process.trial, outcome)

    def _await_end(self, process: TrialProcess) -> None:
        """Kill a process that has not ended, and wait until the fork server has seen that."""
        until = time.monotonic() + END_SECONDS
        if self._launcher is None or process.pid not in self._launcher.exits:
            process.kill()
        with contextlib.suppress(ServerDied):
            while self._launcher is not None and process.pid and process.pid not in self._launcher.exits:
                if time.monotonic() > until:
                    break
                self._launcher.read(POLL_SECONDS)

    def _replace_server(self, reason: str) -> Iterator[EngineEvent]:
        """Take leave of a fork server that has died, and decide about the trials that were running."""
        if self._launcher is not None:
            self._launcher.kill()
            self._launcher = None
        for process in self._running:
            process.kill()
        if not self._running:
            self._failures += 1
            if self._failures >= MOST_DEATHS:
                raise UserError(f"the process that starts trials cannot run: {reason}")
        for process in list(self._running):
            process.read()
            outcome = process.verdict or self._suspect(process.trial.key, reason)
            if outcome is not None:
                yield from self._end(process, outcome)
            else:
                process.close()
                self._running.remove(process)
                self._free.append(process.cores)
                self._waiting.appendleft(process.trial)

    def _suspect(self, key: str, reason: str) -> Outcome | None:
        """Return how a trial ended during which the fork server has died, None where it is to run again."""
        if self._stopping:
            return WITHOUT_CHECKPOINT
        self._deaths[key] += 1
        if self._deaths[key] < MOST_DEATHS:
            return None
        times = f"{MOST_DEATHS} times while it ran, the process that starts trials ended"
        return Outcome("crashed", f"{times}: {reason}")
