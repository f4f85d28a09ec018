"""The controls of Active Directory that its feeds use (MS-ADTS section 3.1.1.3.4.1)."""

from __future__ import annotations

from typing import NamedTuple

from syncd.directory.ber import (
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    BerError,
    contents,
    elements,
    encode,
    encode_integer,
    integer,
)

DIRSYNC = "1.2.840.113556.1.4.841"
SHOW_DELETED = "1.2.840.113556.1.4.417"
NOTIFICATION = "1.2.840.113556.1.4.528"

# shows what the account may read instead of asking for the right to replicate
OBJECT_SECURITY = 0x1


class DirSyncAnswer(NamedTuple):
    """The value of the control in an answer."""

    more: bool
    cookie: bytes


def dirsync(flags: int, cookie: bytes) -> bytes:
    """The DirSync control, without a limit to the size of an answer."""
    value = encode(SEQUENCE, encode_integer(flags), encode_integer(0), encode(OCTET_STRING, cookie))
    return _control(DIRSYNC, value, critical=True)


def show_deleted() -> bytes:
    """Deleted entries too, as far as the account may see them. Not critical: without it they are found later."""
    return _control(SHOW_DELETED, critical=False)


def notification() -> bytes:
    """The search never ends, and its entries are those that change from now on."""
    return _control(NOTIFICATION, critical=True)


def parse_dirsync(value: bytes) -> DirSyncAnswer:
    """Decode the value of the control in an answer. Raises BerError, IndexError."""
    if not value or value[0] != SEQUENCE:
        raise BerError("a DirSync control without a value")
    start, end = contents(value, 1)
    if end != len(value):
        raise BerError("a DirSync control of the wrong length")
    parts = list(elements(value, start, end))
    if [tag for tag, _, _ in parts] != [INTEGER, INTEGER, OCTET_STRING]:
        raise BerError("a DirSync control that is none")
    _, begin, stop = parts[2]
    return DirSyncAnswer(more=integer(value, *parts[0][1:]) != 0, cookie=value[begin:stop])


def _control(name: str, value: bytes = b"", *, critical: bool) -> bytes:
    parts = [encode(OCTET_STRING, name.encode())]
    if critical:
        parts.append(encode(BOOLEAN, b"\xff"))
    if value:
        parts.append(encode(OCTET_STRING, value))
    return encode(SEQUENCE, *parts)
