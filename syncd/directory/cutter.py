"""Cuts search results out of the byte stream: the one loop in syncd that runs a million times.

A general BER decoder builds an object for each of the some fifty elements of an entry. This one knows what a
SearchResultEntry looks like (RFC 4511 section 4.5.2) and only cuts out what is kept: DN, attribute names and values. An
attribute with one short value, which is nearly all of them, is recognised by its header alone: the bytes from the start of the
attribute to the start of its value are the same for the same name and value length, so a dictionary of headers already
checked once replaces six checks. Everything else, and every header seen for the first time, takes the careful way, so that
what is not exactly an entry is an error and never a wrong entry.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from syncd.directory.ber import INTEGER, OCTET_STRING, SEQUENCE, SET, BerError, contents, encode_integer, integer
from syncd.model.attributes import canonical_attribute
from syncd.model.entry import Entry

SEARCH_RESULT_ENTRY = 0x64
_CONTROLS = 0xA0
# SEQUENCE, its length, messageID (3), operation (2): no LDAPMessage is shorter
_SHORTEST = 7
# attribute names times lengths of values: a few hundred with an ordinary server, and no more than this with any
_MOST_HEADERS = 16_384

# header of an attribute with one short value -> its name, the length of the header, the length of the value
_Headers = dict[bytes, tuple[str, int, int]]
_new_entry = tuple.__new__


class Message(NamedTuple):
    """An LDAPMessage (RFC 4511 section 4.1.1) that is not an entry."""

    id: int
    # tag and contents of the operation
    tag: int
    body: bytes
    # contents of the controls, b"" without any
    controls: bytes


class Cutter:
    """Turns chunks of the stream, however it was cut, into entries and other messages."""

    def __init__(self) -> None:
        self._rest = b""
        self._headers: _Headers = {}
        # bytes at least needed before anything more can be cut out
        self.missing = _SHORTEST

    def feed(self, data: bytes, *, message_id: int, entries: list[Entry]) -> list[Message]:
        """Take the next bytes of the stream. Appends the entries that answer `message_id`; returns the other messages.

        Raises BerError when the stream is not LDAP; it is of no use any more then.
        """
        if len(self._headers) > _MOST_HEADERS:
            self._headers.clear()
        others: list[Message] = []
        buffer = self._rest + data
        try:
            with _collector_paused():
                end = self._cut(buffer, message_id, entries, others)
        except IndexError as error:
            raise BerError("a message shorter than what it holds") from error
        self._rest = buffer[end:]
        return others

    def _cut(self, buffer: bytes, message_id: int, entries: list[Entry], others: list[Message]) -> int:
        """Cut all whole messages; where the first that is not whole begins."""
        answer = encode_integer(message_id) + bytes((SEARCH_RESULT_ENTRY,))
        skip, headers, append = len(answer), self._headers, entries.append
        position, size = 0, len(buffer)
        self.missing = 0
        while size - position >= _SHORTEST:
            if buffer[position] != SEQUENCE:
                raise BerError(f"a message that begins with {buffer[position]:#04x}")
            start, end = contents(buffer, position + 1)
            if end > size:
                self.missing = end - size
                return position
            if buffer.startswith(answer, start):
                append(_cut_entry(buffer, start + skip, end, headers))
            else:
                message = _cut_message(buffer, start, end)
                if message.tag == SEARCH_RESULT_ENTRY and message.id == message_id:
                    # a message id in more octets than needed
                    append(_cut_entry(buffer, _operation(buffer, start) + 1, end, headers))
                else:
                    others.append(message)
            position = end
        self.missing = _SHORTEST - (size - position)
        if position < size and buffer[position] != SEQUENCE:
            raise BerError(f"a message that begins with {buffer[position]:#04x}")
        return position


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No cyclic garbage can come of cutting, but half a million new containers make the collector walk through everything
    the process holds, again and again: a third of the time of a large read. Only whoever finds it on switches it off, and
    then on again, so that threads that read at the same time end with it on."""
    was_on = gc.isenabled()
    if was_on:
        gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _operation(buffer: bytes, start: int) -> int:
    """Where the operation's tag is in a message whose contents begin at `start`."""
    if buffer[start] != INTEGER:
        raise BerError("a message without an id")
    return contents(buffer, start + 1)[1]


def _cut_message(buffer: bytes, start: int, end: int) -> Message:
    operation = _operation(buffer, start)
    begin, message_id_end = contents(buffer, start + 1)
    body, body_end = contents(buffer, operation + 1)
    if body_end > end:
        raise BerError("an operation longer than its message")
    controls = _controls(buffer, body_end, end)
    return Message(integer(buffer, begin, message_id_end), buffer[operation], buffer[body:body_end], controls)


def _controls(buffer: bytes, position: int, end: int) -> bytes:
    """The contents of the controls that may stand between the operation and the message's end."""
    if position == end:
        return b""
    begin, stop = contents(buffer, position + 1)
    if buffer[position] != _CONTROLS or stop != end:
        raise BerError("something other than controls behind an operation")
    return buffer[begin:stop]


def _cut_entry(buffer: bytes, position: int, message_end: int, headers: _Headers) -> Entry:
    """The entry whose length octets are at `position`."""
    position, end = contents(buffer, position)
    if end != message_end:
        _controls(buffer, end, message_end)
    if buffer[position] != OCTET_STRING:
        raise BerError("an entry without a DN")
    start, position = contents(buffer, position + 1)
    dn = str(buffer[start:position], "utf-8", "surrogateescape")
    if buffer[position] != SEQUENCE:
        raise BerError("an entry without attributes")
    position, attributes_end = contents(buffer, position + 1)
    if attributes_end != end:
        raise BerError("an entry whose parts do not fill it")
    attributes: dict[str, list[bytes]] = {}
    name_length, around = _header_shape(buffer, position)
    while position < end:
        header = buffer[position : position + buffer[position + name_length] + around]
        if header in headers:
            name, skip, length = headers[header]
            if name not in attributes:
                start = position + skip
                position = start + length
                attributes[name] = [buffer[start:position]]
                continue
        position = _cut_attribute(buffer, position, attributes, headers)
    if position != end:
        raise BerError("attributes longer than their entry")
    return _new_entry(Entry, (dn, attributes))


def _header_shape(buffer: bytes, position: int) -> tuple[int, int]:
    """Where the length of the name is in an attribute's header, and how many bytes the header has besides the name.

    Most servers write `30 ? 04 N <name> 31 ? 04 ?`; Active Directory writes all lengths of sequences and sets in four octets:
    `30 84 0 0 0 ? 04 N <name> 31 84 0 0 0 ? 04 ?`. (At the end of an entry without attributes this sees what follows, or
    nothing, and it does not matter.)
    """
    return (7, 16) if buffer[position + 1 : position + 2] == b"\x84" else (3, 8)


def _cut_attribute(buffer: bytes, position: int, attributes: dict[str, list[bytes]], headers: _Headers) -> int:
    """Cut one attribute of any shape and add it; where it ends. Values of one attribute named in two ways are joined."""
    first = position
    if buffer[position] != SEQUENCE:
        raise BerError("an attribute that is none")
    position, end = contents(buffer, position + 1)
    if buffer[position] != OCTET_STRING:
        raise BerError("an attribute without a name")
    start, position = contents(buffer, position + 1)
    try:
        name = canonical_attribute(str(buffer[start:position], "ascii"))
    except UnicodeDecodeError as error:
        raise BerError("an attribute whose name is not ASCII") from error
    if buffer[position] != SET:
        raise BerError("an attribute without a set of values")
    position, set_end = contents(buffer, position + 1)
    if set_end != end:
        raise BerError("an attribute whose parts do not fill it")
    start, values = _cut_values(buffer, position, end)
    attributes.setdefault(name, []).extend(values)
    name_length, around = _header_shape(buffer, first)
    if len(values) == 1 and start - first == buffer[first + name_length] + around:
        headers[buffer[first:start]] = (name, start - first, end - start)
    return end


def _cut_values(buffer: bytes, position: int, end: int) -> tuple[int, list[bytes]]:
    """Where the last value starts, and all values of a set: one of them, or the hundred thousand members of a group."""
    start = position
    values: list[bytes] = []
    append = values.append
    while position < end:
        if buffer[position] != OCTET_STRING:
            raise BerError("a value that is not an octet string")
        length = buffer[position + 1]
        if length < 0x80:
            start = position + 2
            position = start + length
        else:
            start, position = contents(buffer, position + 1)
        append(buffer[start:position])
    if position != end:
        raise BerError("values longer than their attribute")
    return start, values
