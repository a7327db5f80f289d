"""The process of a running trial, as the runner sees it."""

from __future__ import annotations

import math
import os
import signal
import socket
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from registry.isolation import ended
from results import Outcome, Planned

from .inbox import Inbox
from .limits import Limits
from .log import Log
from .messages import LARGEST, LARGEST_WITH_ARRAYS, BadMessage, Progress, Ready, decode
from .server import send_signal

LEAVE_SECONDS = 5.0  # for ending after the outcome is sent
TERM_SECONDS = 2.0  # between SIGTERM and SIGKILL
WITHOUT_CHECKPOINT = Outcome("interrupted", "it was stopped without a checkpoint")


class TrialProcess:
    """Reads the messages of a trial's process, applies its limits, and says how it ended.

    Its `pid` is 0 until it has been started with the `handles`, which are its pipe and its log. Messages may
    measure what is `declared`, or anything if that is None.
    """

    def __init__(
        self, trial: Planned, cores: list[int], log: Path, limits: Limits, declared: Collection[str] | None
    ) -> None:
        self.trial, self.cores, self.limits, self.declared = trial, cores, limits, declared
        self.pid = 0
        self.begin = time.monotonic()
        self.progress: Progress | None = None
        self.verdict: Outcome | None = None
        self.log = Log(log)
        here, self._there = socket.socketpair()
        self.inbox = Inbox(here, LARGEST_WITH_ARRAYS if trial.trial.get("keep_weights") else LARGEST)
        self._ready = self._sent = False
        self._kill_at = self._stop_by = self._lost_at = math.inf

    @property
    def handles(self) -> tuple[int, int]:
        return self._there.fileno(), self.log.fileno()

    def started(self, pid: int) -> None:
        self.pid = pid
        self._there.close()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begin

    def stop(self, by: float) -> None:
        """Ask the process to write a checkpoint and to end, both before the time `by`."""
        self._stop_by = by
        if self._ready:
            self._signal(signal.SIGTERM)

    def look(self, status: int | None, memory: int) -> Outcome | None:
        """Return how the trial ended, None while it runs.

        `status` is the wait status of its process, None while that runs; `memory` are the bytes that it uses.
        """
        self.read()
        if status is not None:
            return self.verdict or self._crash(status)
        if self.verdict is None:
            self._apply_limits(memory)
        return self.verdict if time.monotonic() >= self._kill_at else None

    def read(self) -> None:
        try:
            for line in self.inbox.lines(self.seconds):
                self._take(line)
        except BadMessage as error:
            self._decide(Outcome("crashed", str(error)))
        if self.inbox.closed and self._lost_at == math.inf:
            self._lost_at = time.monotonic() + LEAVE_SECONDS

    def _take(self, line: bytes) -> None:
        if self.verdict is not None and not self._sent:
            return  # it is over, whatever comes
        message = decode(line, self.trial.key, self.declared)
        if self._sent:
            raise BadMessage("it sent another message after its outcome")
        match message:
            case Ready():
                # The time until the fork server has loaded torch does not count.
                self._ready, self.begin = True, time.monotonic()
                if self._stop_by < math.inf:
                    self._signal(signal.SIGTERM)
            case Progress():
                self.progress = message
            case Outcome():
                self._sent = True
                self._decide(message, LEAVE_SECONDS)

    def _apply_limits(self, memory: int) -> None:
        limits, now = self.limits, time.monotonic()
        if self.seconds > limits.seconds:
            self._signal(signal.SIGTERM, group=True)
            self._decide(Outcome("timeout", f"it exceeded the limit of {limits.seconds:g} seconds"), TERM_SECONDS)
        elif memory > limits.memory:
            # At once: in the seconds after SIGTERM it could take all memory of the machine.
            self._decide(Outcome("oom", f"it exceeded the limit of {limits.memory / 1e9:.3g} GB of memory"))
        elif self.log.size() > limits.log:
            self._decide(Outcome("crashed", f"it wrote more than {limits.log / 1e6:g} MB to its log"))
        elif now > self._stop_by:
            self._decide(WITHOUT_CHECKPOINT)
        elif now > self._lost_at:
            self._decide(Outcome("crashed", "it closed its connection to the runner"))

    def _decide(self, outcome: Outcome, grace: float = 0.0) -> None:
        self.verdict, self._kill_at = outcome, time.monotonic() + grace

    def _crash(self, status: int) -> Outcome:
        if self._stop_by < math.inf:
            return WITHOUT_CHECKPOINT
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGXCPU:
            return Outcome("timeout", "it used up the processor time that this machine allows")
        without = " and without a result" if code >= 0 else ""
        return Outcome("crashed", f"its process {ended(code)}{without}")

    def explained(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a trial that did not end by itself with the end of its log in the reason."""
        if outcome.outcome not in ("crashed", "timeout", "oom"):
            return outcome
        return replace(outcome, reason=f"{outcome.reason}{self.log.last_line()}")

    def kill(self) -> None:
        """Kill the process and the processes that it has started."""
        self._signal(signal.SIGKILL, group=True)

    def close(self) -> None:
        for part in (self.inbox, self._there, self.log):
            part.close()

    def _signal(self, number: signal.Signals, *, group: bool = False) -> None:
        if self.pid:
            send_signal(self.pid, number, group=group)
