"""Trials in parallel on this machine, each in a new process.

The engine asks the launcher, which talks to the fork server (`server.py`), which starts the process of a trial
(`worker.py`); that one sends messages, which are checked.
"""

from .engine import LocalEngine
from .limits import Limits

__all__ = ["Limits", "LocalEngine"]
