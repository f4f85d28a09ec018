"""A TCP relay before a slapd that stops it (SIGSTOP) at an exact place of a conversation.

slapd answers faster than anybody could look at its log and send a signal, so the relay looks at what passes, stops the server,
and passes on only what a server that froze there would still have sent.
"""

from __future__ import annotations

import socket
import threading
from typing import Literal, Self

from tests.servers.slapd import Slapd

# when a client connects; when it asks to bind; when half of a page has been sent
Place = Literal["connect", "bind", "page"]

# tag of a BindRequest (RFC 4511); a person's entry on its way
_BIND, _PERSON = 0x60, b"uid=u0000"


class Gate:
    """Listens on `url`; freezes once at the place it is set to."""

    def __init__(self, slapd: Slapd) -> None:
        self.slapd = slapd
        self._place: Place | None = None
        self._lock = threading.Lock()
        self.frozen = threading.Event()
        self._thawed = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def freeze_at(self, place: Place) -> None:
        self.frozen.clear()
        self._thawed.clear()
        self._place = place

    def thaw(self) -> None:
        self.slapd.resume()
        self._thawed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        shut(self._listener)
        # whoever it has let in is in the list after that
        self._accepting.join(10)
        for each in self._sockets:
            shut(each)
        for thread in self._threads:
            thread.join(10)
        for each in (self._listener, *self._sockets):
            each.close()

    # ------------------------------------------------------------ inside
    def _run(self, body: object, *arguments: object) -> None:
        thread = threading.Thread(target=body, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            self._freeze("connect")
            try:
                server = socket.create_connection(("127.0.0.1", self.slapd.port))
            except OSError:
                shut(client)
                continue
            self._sockets.append(server)
            self._run(self._to_server, client, server)
            self._run(self._to_client, server, client)

    def _freeze(self, place: Place) -> bool:
        """Stop the server if this is where; whether it was."""
        with self._lock:
            if self._place != place:
                return False
            self._place = None
            self.slapd.pause()
            self.frozen.set()
            return True

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        while data := received(client):
            if operation(data) == _BIND:
                self._freeze("bind")
            if not sent(server, data):
                break
        shut(server)

    def _to_client(self, server: socket.socket, client: socket.socket) -> None:
        while data := received(server):
            if _PERSON in data and self._freeze("page"):
                half = len(data) // 2
                if not sent(client, data[:half]):
                    break
                self._thawed.wait()
                data = data[half:]
            if not sent(client, data):
                break
        shut(client)


def operation(message: bytes) -> int:
    """The tag of the operation in an LDAPMessage."""
    length = message[1]
    start = 2 + (length & 0x7F if length & 0x80 else 0)
    return message[start + 2 + message[start + 1]]


def received(connection: socket.socket) -> bytes:
    """What came; nothing when the other side is gone."""
    try:
        return connection.recv(65536)
    except OSError:
        return b""


def sent(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
