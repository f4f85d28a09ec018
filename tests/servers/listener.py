"""A server of a test that listens on 127.0.0.1 and serves each connection in threads of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self


class Listener(ABC):
    """Listens from its making on, serves inside `with`, and at the end of that closes everything and waits for its threads."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []
        # sockets to close at the end
        self._open: list[socket.socket] = []
        self.url = f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        # whoever it has let in is in the list after that
        self._accepting.join(timeout=10)
        self._listener.close()
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(timeout=10)

    @abstractmethod
    def _connected(self, connection: socket.socket) -> None:
        """A client has connected: start what serves it, and return. May raise OSError, which ends the listening."""

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self._connected(connection)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()
