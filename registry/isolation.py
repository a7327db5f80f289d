"""Runs a function in a process of its own, so that the process of the caller takes no harm from what the function does.

It is for the code of plug-ins: it may kill its process, hang, print, or close what is open. The process is a copy of
the caller's (a fork), which starts in milliseconds, because everything is loaded already.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psutil

from .errors import UserError, sentence

SECONDS = 60.0
"""The time limit: to compile an extension of torch takes tens of seconds."""

GRACE = 5.0  # seconds after the limit, at which the process ends itself even where nobody watches it any more
MEMORY_EVERY = 0.5  # seconds between two looks at the memory, which take milliseconds
MEMORY_SHARE = 0.8  # of the memory that is free at the start
LARGEST_FILE = 10**9  # bytes that the function may write into one file
LARGEST_RESULT = 10**8  # bytes
MOST_PRINTED = 2000  # characters that are kept of what it prints
_dumps = json.dumps  # as it was before a plug-in may have replaced it
LOST = 70  # exit code where the result could not be written


class ApartError(Exception):
    """Why a process of its own gave no result: a sentence about "it", or the type and the message of an exception."""


class Apart:
    """Runs functions in processes of their own. `printed` is what the last one wrote to its output and errors.

    The process has its own process group, which is killed at the end, and none of the caller's open files.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.printed = ""

    def run(self, call: Callable[[], Any]) -> Any:
        """Return what `call` returns, which must have a form in JSON. Raises ApartError, or a UserError of `call`."""
        (found,) = self.each(lambda: [call()])
        return found

    def each(self, produce: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        """Yield what `produce` yields, as soon as it does. The time limit is that of each item."""
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
            child, life = _fork(produce, self.seconds, output.fileno(), messages.fileno())
            status: list[int] = []
            try:
                yield from self._watch(child, messages.fileno(), status)
            finally:
                _end(child, status)
                os.close(life)
                self.printed = os.pread(output.fileno(), 4 * MOST_PRINTED, 0).decode(errors="replace")[:MOST_PRINTED]

    def _watch(self, child: int, messages: int, status: list[int]) -> Iterator[Any]:
        reader, memory = _Reader(messages), _Memory(child)
        begin, pause, ended = time.monotonic(), 0.001, False
        while not ended:
            gone, found = os.waitpid(child, os.WNOHANG)
            if gone:
                status.append(found)
            for message in reader.new():
                begin = time.monotonic()
                ended = ended or "end" in message
                if "item" in message:
                    yield message["item"]
                elif "mistake" in message:
                    raise UserError(message["mistake"])
                elif "raised" in message:
                    raise ApartError(message["raised"])
            if status and not ended:
                raise ApartError(_how_it_ended(status[0]))
            if time.monotonic() - begin > self.seconds:
                raise ApartError(f"it did not end within {self.seconds:g} seconds")
            memory.check()
            time.sleep(0 if ended else pause)
            pause = min(2 * pause, 0.02)


class _Reader:
    """Reads the messages of the process, and skips whatever else was written among them."""

    def __init__(self, file: int) -> None:
        self._file, self._read, self._rest = file, 0, b""

    def new(self) -> Iterator[dict[str, Any]]:
        found = os.pread(self._file, LARGEST_RESULT, self._read)
        self._read += len(found)
        if self._read > LARGEST_RESULT:
            raise ApartError(f"its result has more than {LARGEST_RESULT / 1e6:g} MB")
        *lines, self._rest = (self._rest + found).split(b"\n")
        for line in lines:
            digest, _, text = line.partition(b" ")
            if digest == _digest(text):
                with contextlib.suppress(ValueError):
                    yield json.loads(text)


class _Memory:
    """Looks at the memory of a process and its children now and then."""

    def __init__(self, child: int) -> None:
        self._child, self._next = child, time.monotonic() + MEMORY_EVERY
        self._most = MEMORY_SHARE * psutil.virtual_memory().available

    def check(self) -> None:
        """Raise ApartError if the process uses too much."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + MEMORY_EVERY
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self._child)
            used = sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))
            if used > self._most:
                raise ApartError(f"it used more than {self._most / 1e9:.3g} GB of memory")


def _fork(produce: Callable[[], Iterable[Any]], seconds: float, output: int, messages: int) -> tuple[int, int]:
    """Start the process. Return its id, and the end of a pipe: the process ends when that is closed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    theirs, ours = os.pipe()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        # Python warns of threads: a lock that one of them holds is never free in the copy, which the limit then ends.
        child = os.fork()
    if child == 0:
        try:
            _work(produce, seconds, output, messages, theirs)
        finally:
            os._exit(LOST)  # whatever happens, nothing of the caller's code runs in this process
    os.close(theirs)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # both do it, because either may be first
    return child, ours


def _work(produce: Callable[[], Iterable[Any]], seconds: float, output: int, messages: int, life: int) -> None:
    limit = int(seconds + GRACE) + 1
    try:
        _settle(output, (messages, life))
        _end_with_caller(life)
        signal.alarm(limit)
        for item in produce():
            _send(messages, {"item": item})
            signal.alarm(limit)
        _send(messages, {"end": True})
    except UserError as error:
        _send(messages, {"mistake": str(error)})
    except BaseException as error:
        _send(messages, {"raised": sentence(error)})
    os._exit(0)


def _settle(output: int, kept: tuple[int, ...]) -> None:
    """Give the process its own group, streams, signal handlers and limits, and nothing of the caller's open files."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    null = os.open(os.devnull, os.O_RDWR)
    for standard, file in enumerate((null, output, output)):
        os.dup2(file, standard)
    for file in map(int, os.listdir("/dev/fd")):
        # Not closed: an object of the caller's may still close this number later, when it belongs to something else.
        if file > 2 and file not in (null, *kept):
            os.dup2(null, file, inheritable=False)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    signal.set_wakeup_fd(-1)
    for caught in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM):
        signal.signal(caught, signal.SIG_DFL)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, LARGEST_FILE)


def _limit(what: int, most: int) -> None:
    soft, hard = resource.getrlimit(what)
    if soft == resource.RLIM_INFINITY or soft > most:
        resource.setrlimit(what, (most, hard))


def _end_with_caller(life: int) -> None:
    def watch() -> None:
        with contextlib.suppress(OSError):
            os.read(life, 1)
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _send(messages: int, message: dict[str, Any]) -> None:
    text = _dumps(message).encode()
    # The first line break ends what the function may have written into this file.
    rest = b"\n" + _digest(text) + b" " + text + b"\n"
    while rest:
        rest = rest[os.write(messages, rest) :]


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _end(child: int, status: list[int]) -> None:
    """Kill what is left of the process and its group, and wait for it."""
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    if not status:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _how_it_ended(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return "it gave no result: did it close files that are not its own?" if code == LOST else f"it {ended(code)}"


def ended(code: int) -> str:
    """Return how a process ended, from its exit code, which is below 0 for a signal."""
    return f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
