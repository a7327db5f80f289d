"""Ends a command at a request to end, as Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ..execution.signals import ENDS, handling


@contextmanager
def ending_like_an_interrupt() -> Iterator[None]:
    """Let SIGTERM, SIGHUP and SIGQUIT end the block as Ctrl-C does: files that are half written are removed.

    Under nohup, SIGHUP stays ignored.
    """
    usual = sys.unraisablehook
    interrupted = [False]

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted[0] = True
        raise KeyboardInterrupt

    def unraisable(lost: Any) -> None:
        # An interrupt in a finaliser is lost, and so it is sent once more, when the finaliser has ended.
        if isinstance(lost.exc_value, KeyboardInterrupt):
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            usual(lost)

    sys.unraisablehook = unraisable
    try:
        with handling((signal.SIGINT, *ENDS), interrupt):
            yield
    except Exception:
        # An import that catches the interrupt leaves half of a module, which fails later.
        if interrupted[0]:
            raise KeyboardInterrupt from None
        raise
    finally:
        sys.unraisablehook = usual


def ignore_requests_to_end() -> None:
    """Let a process that ends already end with its own exit code, and not by a second signal."""
    for number in (signal.SIGINT, *ENDS):
        signal.signal(number, signal.SIG_IGN)
