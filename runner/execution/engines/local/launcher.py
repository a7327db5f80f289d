"""The fork server as the runner sees it: starts it, asks it for processes, and hears how they ended."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from registry.isolation import ended

from .log import last_line

SERVER = Path(__file__).with_name("server.py")
LOAD_SECONDS, ANSWER_SECONDS, END_SECONDS = 300.0, 30.0, 10.0


class ServerDied(Exception):
    """The fork server has ended or does not answer. The text says how, as the end of a sentence."""


class StartFailed(Exception):
    """The system has refused to start a process. The text is its reason."""


class Launcher:
    """A fork server, whose processes call `target` ("module:function"); it loads the modules of `preload` first.

    `exits` are the wait statuses of processes that have ended, by process number. `folder` is a place for a file
    without a name.
    """

    def __init__(self, target: str, preload: Sequence[str], folder: Path) -> None:
        self.exits: dict[int, int] = {}
        self.ready = False
        self._answer: dict[str, Any] | None = None
        self._rest = b""
        self._begin = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        # The server holds no descriptor of the runner's: its errors go to a file that nobody else sees.
        self._errors = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.control, there = socket.socketpair()
        self.control.settimeout(ANSWER_SECONDS)
        told = {"control": there.fileno(), "target": target, "preload": list(preload), "path": sys.path}
        # With -P the folder of the script is not on the path, where its modules would be found by short names.
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        try:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-P", str(SERVER), json.dumps(told)],
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                pass_fds=[there.fileno()],
                start_new_session=True,
            )
        except OSError:
            self.control.close()
            self._errors.close()
            raise
        finally:
            there.close()

    def start(self, job: Mapping[str, Any], handles: Sequence[int]) -> int:
        """Start a process with a job and two file descriptors, its pipe and its log, and return its number.

        Raises ServerDied or StartFailed.
        """
        line = json.dumps(job).encode() + b"\n"
        self._answer = None
        try:
            sent = socket.send_fds(self.control, [line], handles)
            self.control.sendall(line[sent:])
        except OSError:
            raise ServerDied(self._how()) from None
        until = time.monotonic() + ANSWER_SECONDS
        while self._answer is None:
            if time.monotonic() > until:
                raise ServerDied("it does not answer")
            self.read(0.1)
        if "error" in self._answer:
            raise StartFailed(self._answer["error"])
        return int(self._answer["pid"])

    def read(self, seconds: float = 0.0) -> None:
        """Read what the server has sent, and wait for it up to `seconds`. Raises ServerDied."""
        if not self.ready and time.monotonic() - self._begin > LOAD_SECONDS:
            raise ServerDied(f"it did not load within {LOAD_SECONDS:g} seconds")
        if not wait([self.control], seconds):
            return
        try:
            data = self.control.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            raise ServerDied(self._how())
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "exit" in told:
                pid, status = told["exit"]
                self.exits[pid] = status
            elif "ready" in told:
                self.ready = True
            else:
                self._answer = told

    def close(self) -> None:
        """Let the server kill all its processes and end."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        self.kill()

    def kill(self) -> None:
        self.control.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _how(self) -> str:
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        return f"it {ended(code)}{last_line(self._errors.fileno(), 0)}"
