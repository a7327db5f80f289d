"""The fork server: it loads torch once, and then starts the process of a trial in milliseconds.

The launcher runs this file as a script, which imports what it is told to and nothing else of the project. Requests and
answers are lines of JSON on a socket without a name. With each request come two file descriptors: the trial's own pipe
and its log. The process of a trial keeps these two and no other of the server's. When the socket is closed, because the
runner has ended or was killed, all processes of trials are killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeAlias

Work: TypeAlias = Callable[[dict[str, Any], socket.socket], None]

# They may be sent to all processes of a job. The runner answers them, and the trials still need this process.
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
END_SECONDS = 5.0
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    told = json.loads(sys.argv[1])
    sys.path[:] = told["path"]
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for module in told["preload"]:
        importlib.import_module(module)
    module, _, name = told["target"].partition(":")
    Server(socket.socket(fileno=told["control"]), getattr(importlib.import_module(module), name)).run()


class Server:
    """Starts processes that call `work`, and reports their process numbers and how they ended."""

    def __init__(self, control: socket.socket, work: Work) -> None:
        self.control, self.work = control, work
        self.workers: set[int] = set()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        adopt_orphans()

    def run(self) -> None:
        with contextlib.suppress(OSError):  # the runner has ended
            self._send({"ready": True})
            while True:
                readable, _, _ = select.select([self.control.fileno(), self._woken], [], [])
                if self._woken in readable:
                    os.read(self._woken, 4096)
                    self._reap()
                if self.control.fileno() in readable and not self._serve():
                    break
        self._end()
        os._exit(0)  # to unload torch would take time, and the runner waits

    def _send(self, answer: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(answer).encode() + b"\n")

    def _serve(self) -> bool:
        """Start the process of one request, and return False at the end of all requests."""
        line, handles = b"", list[int]()
        while not line.endswith(b"\n"):
            data, new, _, _ = socket.recv_fds(self.control, 1 << 16, 2)
            if not data:
                return False
            line, handles = line + data, handles + new
        try:
            self._send({"pid": self._fork(json.loads(line), *handles)})
        except OSError as error:
            self._send({"error": error.strerror or str(error)})
        finally:
            for handle in handles:
                os.close(handle)
        return True

    def _fork(self, job: dict[str, Any], pipe: int, log: int) -> int:
        pid = os.fork()
        if pid:
            self.workers.add(pid)
            return pid
        code = 1
        try:
            self._leave(log)
            os.set_inheritable(pipe, False)
            self.work(job, socket.socket(fileno=pipe))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(BaseException):
                    stream.flush()
            os._exit(code)

    def _leave(self, log: int) -> None:
        """Keep nothing of the server's in a new process, which gets a session, and so a process group, of its own."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._woken, self._wake):
            os.close(end)
        self.control.close()
        os.setsid()
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        adopt_orphans()

    def _reap(self) -> None:
        """Report the processes that have ended, and kill what they have left behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid in self.workers:
                self.workers.remove(pid)
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
                self._send({"exit": [pid, status]})
        self._kill_orphans()

    def _kill_orphans(self) -> None:
        for pid in children() - self.workers:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _end(self) -> None:
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until:
            for pid in self.workers:
                send_signal(pid, signal.SIGKILL, group=True)
            self._kill_orphans()
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            self.workers.discard(pid)
            if pid == 0:
                time.sleep(0.01)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, as far as the system knows such a thing."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """Return the children of this process, none where the system does not list them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return {int(pid) for pid in file.read().split()}
    except OSError:
        return set()


def send_signal(pid: int, number: int, *, group: bool) -> None:
    """Send a signal to a process, or to its process group; none where it has ended."""
    try:
        (os.killpg if group else os.kill)(pid, number)
    except ProcessLookupError:
        with contextlib.suppress(OSError):  # it may have no process group yet
            os.kill(pid, number)
    except PermissionError:
        pass  # macOS raises this for a group of zombies


if __name__ == "__main__":
    main()
