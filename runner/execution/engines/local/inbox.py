"""The runner's end of a trial's pipe."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from .messages import LARGEST, BadMessage

PORTION, CHUNK = 2**22, 2**16  # bytes that are read at one look, so that one trial cannot keep the runner busy
AT_ONCE, EACH_SECOND = 1000, 100  # messages; a trial's process sends about ten a second


class Inbox:
    """Reads lines from a pipe. It never waits, and keeps no more than one line of the `largest` size."""

    def __init__(self, connection: socket.socket, largest: int = LARGEST) -> None:
        connection.setblocking(False)
        self.connection, self.largest = connection, largest
        self.closed = False
        self._count = 0
        self._parts: list[bytes] = []  # of a line whose end has not arrived
        self._waiting = 0

    def lines(self, seconds: float) -> list[bytes]:
        """Return the lines that have arrived. Raises BadMessage where the trial sends too much.

        `seconds` is the time for which the trial has been running.
        """
        found: list[bytes] = []
        for data in self._arrived():
            first, *others = data.split(b"\n")
            self._parts.append(first)
            if others:
                found += [b"".join(self._parts), *others[:-1]]
                self._parts = [others[-1]]
            self._count += len(others)
            self._waiting = len(others[-1]) if others else self._waiting + len(first)
            if self._waiting > self.largest:
                raise BadMessage(f"it sent a message of more than {self.largest // 2**20:,} MB")
            if self._count > AT_ONCE + EACH_SECOND * seconds:
                raise BadMessage(f"it sent more than {self._count - 1:,} messages in {seconds:.1f} seconds")
        return found

    def _arrived(self) -> Iterator[bytes]:
        for _ in range(PORTION // CHUNK):
            try:
                data = self.connection.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.closed = True
                return
            yield data

    def close(self) -> None:
        self.connection.close()
