"""Harm to a process that nothing sets back."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable

import psutil

LIMITS = (resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_AS)
"""The limits of a process that matter to whatever comes after a plug-in."""


def lasting(call: Callable[[], object]) -> str | None:
    """Call a function, and return which harm that cannot be undone it has done to this process; None for none."""
    before = _irreversible()
    call()
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return "it starts a thread that does not end and is no daemon: this process would not end either"
    if psutil.Process().children():
        return "it starts a process that does not end"
    return None if _irreversible() == before else "it lowers the limits or the priority of this process"


def _irreversible() -> list[int]:
    return [os.nice(0), *(resource.getrlimit(limit)[1] for limit in LIMITS)]
