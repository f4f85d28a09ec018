"""A server that says what a test tells it to: for answers no honest server gives, and for those it gives once a year.

    with LdapStub([lambda i: [entry(i, "uid=a", {}), done(i, controls=paged(b""))]]) as stub: ...

It accepts binds, shows a rootDSE, and answers the searches that follow from a list, one function for each.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import BinaryIO

from syncd.directory.ber import ENUMERATED, OCTET_STRING, SEQUENCE, SET, contents, encode, encode_integer, integer
from tests.servers.listener import Listener

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
BIND, UNBIND, SEARCH, ABANDON, EXTENDED = 0x60, 0x42, 0x63, 0x50, 0x77

# what a handler may give in place of bytes: close the connection, or say nothing more until the client has gone
CLOSE, STALL = "close", "stall"
Answer = Iterable[bytes | str]
Handler = Callable[[int], Answer]


class LdapStub(Listener):
    """Listens on 127.0.0.1. `requests` has the operation tags in the order they came, those of all connections."""

    def __init__(
        self,
        searches: Sequence[Handler] = (),
        *,
        bind: Handler | None = None,
        extended: Handler | None = None,
        root_dse: Mapping[str, Sequence[bytes]] | None = None,
        greeting: bytes = b"",
    ) -> None:
        super().__init__()
        self._searches = list(searches)
        self._bind = bind or (lambda message_id: [result(message_id, 0x61)])
        self._extended = extended or (
            lambda message_id: [result(message_id, 0x78, code=2, text="unsupported extended operation")]
        )
        self._root_dse = root_dse or {"supportedControl": [PAGED_RESULTS], "namingContexts": [b"dc=example,dc=com"]}
        self._greeting = greeting
        self.requests: list[int] = []

    def _connected(self, connection: socket.socket) -> None:
        self._start(lambda: self._serve(connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.sendall(self._greeting)
            with connection.makefile("rb") as stream:
                while (request := _read_message(stream)) is not None:
                    if not self._answer(connection, *request):
                        return
        except (OSError, ValueError):
            return
        finally:
            connection.close()

    def _answer(self, connection: socket.socket, message_id: int, tag: int, body: bytes) -> bool:
        """Whether the connection goes on."""
        self.requests.append(tag)
        if tag == UNBIND:
            return False
        answers: Answer = ()
        if tag == BIND:
            answers = self._bind(message_id)
        elif tag == EXTENDED:
            answers = self._extended(message_id)
        elif tag == SEARCH and body.startswith(b"\x04\x00"):
            answers = [entry(message_id, "", self._root_dse), done(message_id)]
        elif tag == SEARCH:
            answers = self._searches.pop(0)(message_id)
        for answer in answers:
            if answer == CLOSE:
                return False
            if answer == STALL:
                continue
            assert isinstance(answer, bytes)
            connection.sendall(answer)
        return True


# ---------------------------------------------------------------- messages
def message(message_id: int, operation: bytes, controls: bytes = b"") -> bytes:
    return encode(SEQUENCE, encode_integer(message_id), operation, encode(0xA0, controls) if controls else b"")


def entry(message_id: int, dn: str | bytes, attributes: Mapping[str, Sequence[bytes]]) -> bytes:
    """A SearchResultEntry."""
    name = dn.encode() if isinstance(dn, str) else dn
    parts = [
        encode(SEQUENCE, encode(OCTET_STRING, key.encode()), encode(SET, *(encode(OCTET_STRING, value) for value in values)))
        for key, values in attributes.items()
    ]
    return message(message_id, encode(0x64, encode(OCTET_STRING, name), encode(SEQUENCE, *parts)))


def result(message_id: int, tag: int, *, code: int = 0, text: str = "", controls: bytes = b"", more: bytes = b"") -> bytes:
    """A message with an LDAPResult; `more`: encoded elements behind its text."""
    body = (encode_integer(code, ENUMERATED), encode(OCTET_STRING), encode(OCTET_STRING, text.encode()), more)
    return message(message_id, encode(tag, *body), controls)


def done(message_id: int, *, code: int = 0, text: str = "", controls: bytes = b"") -> bytes:
    """A SearchResultDone."""
    return result(message_id, 0x65, code=code, text=text, controls=controls)


def reference(message_id: int, *urls: str) -> bytes:
    """A SearchResultReference."""
    return message(message_id, encode(0x73, *(encode(OCTET_STRING, url.encode()) for url in urls)))


def paged(cookie: bytes, size: int = 0) -> bytes:
    """The paged results control of an answer."""
    value = encode(SEQUENCE, encode_integer(size), encode(OCTET_STRING, cookie))
    return encode(SEQUENCE, encode(OCTET_STRING, PAGED_RESULTS), encode(OCTET_STRING, value))


def notice_of_disconnection(code: int = 52, text: str = "shutting down") -> bytes:
    return result(0, 0x78, code=code, text=text, more=encode(0x8A, b"1.3.6.1.4.1.1466.20036"))


def _read_message(stream: BinaryIO) -> tuple[int, int, bytes] | None:
    """Message id, operation tag and operation contents of the next request; None at the end."""
    head = stream.read(2)
    if len(head) < 2:
        return None
    extra = head[1] & 0x7F if head[1] & 0x80 else 0
    head += stream.read(extra)
    start, end = contents(head, 1)
    data = stream.read(end - start)
    begin, operation = contents(data, 1)
    body, stop = contents(data, operation + 1)
    return integer(data, begin, operation), data[operation], data[body:stop]
