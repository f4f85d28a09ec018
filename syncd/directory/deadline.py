"""A socket with a deadline: what a server that drips or stands still can take of our time, in all and not per byte.

A socket's own timeout begins anew with every byte that comes, so a server (or a proxy before it) that sends one now and then
could hold a run for ever. The TLS handshake needs none of this: Python gives it one timeout as a whole.
"""

from __future__ import annotations

import socket
import time


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    @property
    def passed(self) -> bool:
        return self.left <= 0

    def allow(self, connected: socket.socket, *, at_most: float | None = None) -> None:
        """Give the socket's next call what is left. Raises TimeoutError when that is nothing."""
        left = self.left
        if left <= 0:
            raise TimeoutError("timed out")
        connected.settimeout(left if at_most is None else min(left, at_most))


class HurriedSocket:
    """As much of a socket as ldap3 uses; all its calls together have `seconds`. The socket itself is left to its owner."""

    def __init__(self, connected: socket.socket, *, seconds: float) -> None:
        self._socket = connected
        self._deadline = Deadline(seconds)

    def recv(self, size: int) -> bytes:
        self._deadline.allow(self._socket)
        return self._socket.recv(size)

    def sendall(self, data: bytes) -> None:
        self._deadline.allow(self._socket)
        self._socket.sendall(data)

    def shutdown(self, how: int) -> None:
        self._socket.shutdown(how)

    def close(self) -> None:
        self._socket.close()
