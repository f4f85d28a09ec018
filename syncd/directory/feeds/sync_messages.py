"""The controls and messages of content synchronization (RFC 4533 section 2), to and from BER.

Everything that comes is taken apart exactly as the RFC has it; what is not like that is BerError and never a wrong id.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple

from syncd.directory.ber import (
    BOOLEAN,
    ENUMERATED,
    OCTET_STRING,
    SEQUENCE,
    SET,
    BerError,
    contents,
    elements,
    encode,
    encode_integer,
    integer,
)
from syncd.directory.cutter import Message
from syncd.directory.messages import Result, parse_controls
from syncd.model.attributes import canonical_attribute

SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1"
SYNC_STATE = "1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE = "1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO = "1.3.6.1.4.1.4203.1.9.1.4"

_UUID_BYTES = 16
_RESPONSE_NAME, _RESPONSE_VALUE = 0x80, 0x81
_NEW_COOKIE, _REFRESH_DELETE, _REFRESH_PRESENT, _ID_SET = 0x80, 0xA1, 0xA2, 0xA3
_TRUE = encode(BOOLEAN, b"\xff")

# tag, start and end of the contents
_Part = tuple[int, int, int]
_NONE: _Part = (0, 0, 0)


class Mode(enum.IntEnum):
    """Whether the search ends after the refresh or goes on for ever."""

    REFRESH_ONLY = 1
    REFRESH_AND_PERSIST = 3


class State(enum.IntEnum):
    """What an entry is sent for."""

    PRESENT = 0
    ADD = 1
    MODIFY = 2
    DELETE = 3


class Phase(enum.Enum):
    """What a Sync Info Message is about."""

    NEW_COOKIE = _NEW_COOKIE
    REFRESH_DELETE = _REFRESH_DELETE
    REFRESH_PRESENT = _REFRESH_PRESENT
    ID_SET = _ID_SET


class SyncState(NamedTuple):
    """The Sync State control of an entry."""

    state: State
    uuid: bytes
    cookie: str


class SyncInfo(NamedTuple):
    """A Sync Info Message."""

    phase: Phase
    cookie: str
    # refreshDone of the two ends of a phase, refreshDeletes of a set of ids
    flag: bool
    uuids: tuple[bytes, ...]


class SyncDone(NamedTuple):
    """The Sync Done control of a result."""

    cookie: str
    refresh_deletes: bool


# ---------------------------------------------------------------- to the server
def sync_request(mode: Mode, cookie: str = "") -> bytes:
    """The Sync Request control, critical: a server that ignored it would send entries without a word on what they are for."""
    given = encode(OCTET_STRING, cookie.encode()) if cookie else b""
    value = encode(SEQUENCE, encode_integer(mode, ENUMERATED), given)
    return encode(SEQUENCE, encode(OCTET_STRING, SYNC_REQUEST.encode()), _TRUE, encode(OCTET_STRING, value))


# ---------------------------------------------------------------- from the server
def parse_state(message: Message) -> SyncState:
    """What an entry, or a reference, was sent for. Raises BerError, IndexError."""
    value = parse_controls(message.controls).get(SYNC_STATE)
    if value is None:
        raise BerError("an entry without the sync state control")
    parts = _sequence(value)
    state = integer(value, *_expect(parts, ENUMERATED))
    uuid = _uuid(value, _expect(parts, OCTET_STRING))
    cookie, part = _cookie(value, parts)
    _end(part, parts)
    if state not in State.__members__.values():
        raise BerError(f"a sync state of {state}")
    return SyncState(State(state), uuid, cookie)


def parse_done(result: Result) -> SyncDone:
    """How a refresh ended. Raises BerError, IndexError."""
    value = result.controls.get(SYNC_DONE)
    if value is None:
        raise BerError("the end of a refresh without the sync done control")
    parts = _sequence(value)
    cookie, part = _cookie(value, parts)
    deletes, part = _boolean(value, part, parts, default=False)
    _end(part, parts)
    return SyncDone(cookie, deletes)


def parse_info(message: Message) -> SyncInfo | None:
    """A Sync Info Message; None for an intermediate response that is none. Raises BerError, IndexError."""
    body = message.body
    name, value = b"", b""
    for tag, start, end in elements(body, 0, len(body)):
        if tag == _RESPONSE_NAME:
            name = body[start:end]
        elif tag == _RESPONSE_VALUE:
            value = body[start:end]
    if name != SYNC_INFO.encode():
        return None
    tag, start, end = _single(value)
    try:
        phase = Phase(tag)
    except ValueError:
        raise BerError(f"a sync info message of type {tag:#04x}") from None
    if phase is Phase.NEW_COOKIE:
        return SyncInfo(phase, _text(value, start, end), flag=False, uuids=())
    parts = elements(value, start, end)
    cookie, part = _cookie(value, parts)
    flag, part = _boolean(value, part, parts, default=phase is not Phase.ID_SET)
    uuids: tuple[bytes, ...] = ()
    if phase is Phase.ID_SET:
        if part[0] != SET:
            raise BerError("a set of ids without a set")
        uuids = tuple(_uuid(value, _octets(inner)) for inner in elements(value, part[1], part[2]))
        part = next(parts, _NONE)
    _end(part, parts)
    return SyncInfo(phase, cookie, flag, uuids)


def first_value(message: Message, attribute: str) -> bytes | None:
    """The first value of an entry's attribute, named in lower case. Raises BerError, IndexError."""
    body = message.body
    outer = elements(body, 0, len(body))
    _expect(outer, OCTET_STRING)
    start, end = _expect(outer, SEQUENCE)
    for tag, begin, stop in elements(body, start, end):
        if tag != SEQUENCE:
            raise BerError("an attribute that is none")
        parts = elements(body, begin, stop)
        name = str(body[slice(*_expect(parts, OCTET_STRING))], "ascii", "replace")
        values = elements(body, *_expect(parts, SET))
        if canonical_attribute(name) == attribute and (value := next(values, None)) is not None:
            return body[slice(*_octets(value))]
    return None


# ---------------------------------------------------------------- parts
def _sequence(value: bytes) -> Iterator[_Part]:
    tag, start, end = _single(value)
    if tag != SEQUENCE:
        raise BerError("a sync value that is no sequence")
    return elements(value, start, end)


def _single(value: bytes) -> _Part:
    """The one element a value is made of."""
    start, end = contents(value, 1)
    if end != len(value):
        raise BerError("a sync value of the wrong length")
    return value[0], start, end


def _cookie(value: bytes, parts: Iterator[_Part]) -> tuple[str, _Part]:
    """The cookie that may come next, "" without one, and the part behind it."""
    part = next(parts, _NONE)
    if part[0] != OCTET_STRING:
        return "", part
    return _text(value, part[1], part[2]), next(parts, _NONE)


def _boolean(value: bytes, part: _Part, parts: Iterator[_Part], *, default: bool) -> tuple[bool, _Part]:
    """The flag that may be this part, and the part behind it."""
    tag, start, end = part
    if tag != BOOLEAN:
        return default, part
    if end - start != 1:
        raise BerError("a flag of the wrong length")
    return value[start] != 0, next(parts, _NONE)


def _end(part: _Part, parts: Iterator[_Part]) -> None:
    """RFC 4533 leaves no room for more."""
    if part != _NONE or next(parts, None) is not None:
        raise BerError("a sync value with something that does not belong there")


def _expect(parts: Iterator[_Part], wanted: int) -> tuple[int, int]:
    tag, start, end = next(parts, _NONE)
    if tag != wanted:
        raise BerError("a sync value without what it needs")
    return start, end


def _octets(part: _Part) -> tuple[int, int]:
    if part[0] != OCTET_STRING:
        raise BerError("an id or a value that is no octet string")
    return part[1], part[2]


def _uuid(value: bytes, span: tuple[int, int]) -> bytes:
    start, end = span
    if end - start != _UUID_BYTES:
        raise BerError(f"an entry id of {end - start} bytes")
    return value[start:end]


def _text(value: bytes, start: int, end: int) -> str:
    """A cookie. It is stored, so it has to be text; those of all servers known are."""
    try:
        text = str(value[start:end], "utf-8")
    except UnicodeDecodeError:
        raise BerError("a cookie that is not text") from None
    if "\0" in text:
        raise BerError("a cookie that is not text")
    return text
