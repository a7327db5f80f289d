"""What the process of a trial may use."""

from __future__ import annotations

import math
import os
import resource
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import psutil

SCAN_SECONDS = 1.0
LARGEST_LOG = 100 * 10**6


@dataclass(frozen=True)
class Limits:
    """The limits of a trial: `seconds` of wall time, bytes of `memory` of all its processes, bytes of its `log`."""

    seconds: float
    memory: int
    log: int = LARGEST_LOG


def limit_processor_time(seconds: float) -> None:
    """Limit the processor time of this process, but never to more than it is limited to.

    The system first sends SIGXCPU, which says what has happened, and kills the process later.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    known = [each - margin for each, margin in ((soft, 0), (hard, 1)) if each != resource.RLIM_INFINITY]
    if not known and seconds > 2**62:  # infinity included
        return
    limit = math.floor(max(1, min(seconds, *known)) if known else seconds)
    above = limit + 60
    resource.setrlimit(resource.RLIMIT_CPU, (limit, above if hard == resource.RLIM_INFINITY else min(hard, above)))


class Memory:
    """The memory that trials use. Their first processes are asked each time, their children once a second.

    To find children all processes of the machine must be looked at, which would disturb a timed trial.
    """

    def __init__(self) -> None:
        self._scanned = -math.inf
        self._children: Counter[int] = Counter()

    def of(self, pid: int, all_of_them: Collection[int]) -> int:
        """Return the bytes of the processes that the process `pid` leads, one of `all_of_them` that do so."""
        if time.monotonic() - self._scanned > SCAN_SECONDS:
            self._children = _of_children(all_of_them)
            self._scanned = time.monotonic()
        try:
            return int(psutil.Process(pid).memory_info().rss) + self._children[pid]
        except psutil.Error:
            return 0


def _of_children(leaders: Collection[int]) -> Counter[int]:
    """Return the bytes of the processes in the session of each leader, without those of the leader."""
    found: Counter[int] = Counter()
    for pid in psutil.pids():
        try:
            leader = os.getsid(pid)
            if leader in leaders and pid != leader:
                found[leader] += _own_bytes(pid)
        except (OSError, psutil.Error):
            continue  # it has ended
    return found


def _own_bytes(pid: int) -> int:
    """Return the bytes of a process, of shared ones its part: a child shares most of its memory with its parent."""
    info = psutil.Process(pid).memory_full_info()
    return int(getattr(info, "pss", info.uss))
