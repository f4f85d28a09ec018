"""A server in front of a real one that gives the values of an attribute in parts, as Windows does (MaxValRange).

    with Ranging(slapd.url, limit=1500) as server:
        server.url, server.asked

Samba gives parts only when asked, and no other server knows of them: requests for `member;range=1500-*` are passed on as
requests for `member`, and what comes back is cut.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

from syncd.directory.ber import OCTET_STRING, SEQUENCE, SET, contents, elements, encode, encode_integer, integer
from tests.servers.ldap_stub import SEARCH, done
from tests.servers.listener import Listener

_ENTRY = 0x64
_RANGE = re.compile(rb"(?i)(.+);range=(\d+)-(\d+|\*)")
Values = list[bytes]


class Ranging(Listener):
    """Listens on 127.0.0.1, without TLS."""

    def __init__(self, target: str, *, limit: int = 1500) -> None:
        super().__init__()
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 389)
        self.limit = limit
        # the attribute of every request for a range, as it was asked for
        self.asked: list[str] = []
        # called with the number of such a request, from 1, before it goes to the server
        self.before: Callable[[int], None] = lambda number: None
        # may change what is sent: called with the attribute's name with its range, and the values
        self.twist: Callable[[str, Values], tuple[str, Values]] = lambda name, values: (name, values)

    # ------------------------------------------------------------ threads
    def _connected(self, connection: socket.socket) -> None:
        server = socket.create_connection(self._target, timeout=60)
        self._open.append(server)
        # message id of a search -> attribute -> where the range begins that was asked for
        wanted: dict[int, dict[bytes, int]] = {}
        self._start(lambda: self._requests(connection, server, wanted))
        self._start(lambda: self._answers(connection, server, wanted))

    def _requests(self, client: socket.socket, server: socket.socket, wanted: dict[int, dict[bytes, int]]) -> None:
        with contextlib.suppress(OSError), client.makefile("rb") as stream:
            for raw in _messages(stream):
                server.sendall(self._request(raw, wanted))
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _answers(self, client: socket.socket, server: socket.socket, wanted: dict[int, dict[bytes, int]]) -> None:
        with contextlib.suppress(OSError), server.makefile("rb") as stream:
            skipped: set[int] = set()
            for raw in _messages(stream):
                client.sendall(self._answer(raw, wanted, skipped))
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------ messages
    def _request(self, raw: bytes, wanted: dict[int, dict[bytes, int]]) -> bytes:
        message_id, tag, body, rest = _parts(raw)
        if tag != SEARCH:
            return raw
        *head, attributes = _cut(body)
        ranges: dict[bytes, int] = {}
        names = []
        for element in _cut(_inside(attributes)):
            name = _inside(element)
            match = _RANGE.fullmatch(name)
            if match is not None:
                self.asked.append(name.decode())
                self.before(len(self.asked))
                name = match[1]
                ranges[name.lower()] = int(match[2])
            names.append(encode(OCTET_STRING, name))
        wanted[message_id] = ranges
        request = encode(tag, *head, encode(SEQUENCE, *names))
        return encode(SEQUENCE, encode_integer(message_id), request, rest)

    def _answer(self, raw: bytes, wanted: dict[int, dict[bytes, int]], skipped: set[int]) -> bytes:
        message_id, tag, body, rest = _parts(raw)
        if tag != _ENTRY:
            return done(message_id, code=1, text="the range begins behind the last value") if message_id in skipped else raw
        name, listed = _cut(body)
        if not _inside(name):
            # the rootDSE
            return raw
        attributes = []
        for attribute in _cut(_inside(listed)):
            described, held = _cut(_inside(attribute))
            key, values = _inside(described), [_inside(value) for value in _cut(_inside(held))]
            first = wanted.get(message_id, {}).get(key.lower())
            if first is None and len(values) <= self.limit:
                attributes.append(attribute)
            elif first is not None and first >= len(values):
                skipped.add(message_id)
            else:
                attributes += self._ranged(key, values, first or 0)
        if message_id in skipped:
            return b""
        return encode(SEQUENCE, encode_integer(message_id), encode(tag, name, encode(SEQUENCE, *attributes)), rest)

    def _ranged(self, key: bytes, values: Values, first: int) -> Iterator[bytes]:
        """The attribute with the part that begins there, and the empty one that Windows puts beside it."""
        end = first + self.limit
        last = "*" if end >= len(values) else str(end - 1)
        name, part = self.twist(f"{key.decode()};range={first}-{last}", values[first:end])
        yield _attribute(key, [])
        yield _attribute(name.encode(), part)


def _attribute(name: bytes, values: Values) -> bytes:
    return encode(SEQUENCE, encode(OCTET_STRING, name), encode(SET, *(encode(OCTET_STRING, value) for value in values)))


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """Whole messages, as they are; the end of the stream may lie in the middle of one."""
    while len(head := stream.read(2)) == 2:
        more = head[1] & 0x7F if head[1] & 0x80 else 0
        head += stream.read(more)
        if len(head) < 2 + more:
            return
        start, end = contents(head, 1)
        body = stream.read(end - start)
        if len(body) < end - start:
            return
        yield head + body


def _parts(raw: bytes) -> tuple[int, int, bytes, bytes]:
    """Message id, operation tag, contents of the operation, and what is behind it."""
    start, _ = contents(raw, 1)
    begin, operation = contents(raw, start + 1)
    body, end = contents(raw, operation + 1)
    return integer(raw, begin, operation), raw[operation], raw[body:end], raw[end:]


def _cut(body: bytes) -> list[bytes]:
    """The elements of some contents, each with its tag."""
    found, start = [], 0
    for _, _, end in elements(body, 0, len(body)):
        found.append(body[start:end])
        start = end
    return found


def _inside(element: bytes) -> bytes:
    start, end = contents(element, 1)
    return element[start:end]
