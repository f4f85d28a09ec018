"""A TCP proxy that breaks on purpose: between syncd and a real server, which is always in good health.

    with Proxy(slapd.url) as proxy:
        proxy.fault = cut(after=1000)

A fault takes hold of every connection, also of those that are open, once so many bytes have come from the server on it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import urlsplit

from syncd.directory.ber import contents

_CHUNK = 65536
# l_onoff and l_linger: close sends RST
_NO_GOODBYE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What the proxy does with what the server says."""

    kind: Literal["none", "delay", "cut", "reset", "freeze", "drip"] = "none"
    # bytes from the server that pass untouched first
    after: int = 0
    # delay: before each chunk; drip: between two bytes
    seconds: float = 0.0


def cut(*, after: int = 0, reset: bool = False) -> Fault:
    """End the connection after so many bytes, in order (FIN) or not (RST)."""
    return Fault(kind="reset" if reset else "cut", after=after)


def freeze(*, after: int = 0) -> Fault:
    """Keep the connection and say nothing more. With 0: accept, and never a word."""
    return Fault(kind="freeze", after=after)


def drip(seconds: float, *, after: int = 0) -> Fault:
    """A byte at a time."""
    return Fault(kind="drip", after=after, seconds=seconds)


def delay(seconds: float) -> Fault:
    """Hold back each chunk for so long."""
    return Fault(kind="delay", seconds=seconds)


class Proxy:
    """Listens on 127.0.0.1. `streams` has all that the server said, one item per connection, in the order they came."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 389)
        self._stopped, self._stop = socket.socketpair()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self.fault = Fault()
        self.streams: list[bytearray] = []
        self.url = f"{parts.scheme}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._start(self._accept, self._listener)
        return self

    def __exit__(self, *_: object) -> None:
        # makes `_stopped` readable in every thread
        self._stop.close()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()
        self._stopped.close()

    @property
    def connections(self) -> int:
        return len(self.streams)

    def refuse(self) -> None:
        """Listen no more; open connections go on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def listen(self) -> None:
        """Listen again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._start(self._accept, self._listener)

    # ------------------------------------------------------------ threads
    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self._stopped not in select.select([listener, self._stopped], [], [])[0]:
                client, _ = listener.accept()
                self.streams.append(bytearray())
                self._start(self._serve, client, self.streams[-1])

    def _serve(self, client: socket.socket, stream: bytearray) -> None:
        """One connection, both ways, in one thread, so that closing a socket closes it."""
        with client, contextlib.suppress(OSError), socket.create_connection(self._target, timeout=10) as server:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                ready = select.select([client, server, self._stopped], [], [])[0]
                if self._stopped in ready:
                    return
                if client in ready:
                    data = client.recv(_CHUNK)
                    if not data:
                        return
                    server.sendall(data)
                if server in ready:
                    data = server.recv(_CHUNK)
                    if not data or not self._pass_on(client, data, stream):
                        return

    def _pass_on(self, client: socket.socket, data: bytes, stream: bytearray) -> bool:
        """Whether the connection goes on."""
        fault = self.fault
        untouched = len(data) if fault.kind == "none" else min(max(fault.after - len(stream), 0), len(data))
        stream += data
        client.sendall(data[:untouched])
        rest = data[untouched:]
        # a cut at the very end of what the server says comes with no byte more
        struck = fault.kind != "none" and len(stream) >= fault.after
        if struck and fault.kind in ("cut", "reset"):
            if fault.kind == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_GOODBYE)
            return False
        if struck and fault.kind == "freeze":
            select.select([self._stopped], [], [])
            return False
        for part in [rest[at : at + 1] for at in range(len(rest))] if fault.kind == "drip" else [rest]:
            if fault.seconds and select.select([self._stopped], [], [], fault.seconds)[0]:
                return False
            client.sendall(part)
        return True


def answers(stream: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """The LDAP messages in what a server said: the operation's tag, and where the message ends."""
    data, at = bytes(stream), 0
    while at < len(data):
        start, end = contents(data, at + 1)
        _, operation = contents(data, start + 1)
        yield data[operation], end
        at = end
