"""Answers of a server that synchronizes content (RFC 4533), for the stub and for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.directory.ber import BOOLEAN, ENUMERATED, OCTET_STRING, SEQUENCE, SET, encode, encode_integer
from tests.servers.ldap_stub import message, result

SYNC_STATE = b"1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE = b"1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO = b"1.3.6.1.4.1.4203.1.9.1.4"
UUID = bytes(range(16))


def sync_state(state: int, uuid: bytes, cookie: str = "") -> bytes:
    """The value of a Sync State control."""
    given = encode(OCTET_STRING, cookie.encode()) if cookie else b""
    return encode(SEQUENCE, encode_integer(state, ENUMERATED), encode(OCTET_STRING, uuid), given)


def sync_entry(message_id: int, state: bytes, *, csn: str = "") -> bytes:
    """An entry with a Sync State control of this value, and with an entryCSN if one is given."""
    values = encode(SET, encode(OCTET_STRING, csn.encode()))
    attributes = encode(SEQUENCE, encode(OCTET_STRING, b"entryCSN"), values) if csn else b""
    body = encode(0x64, encode(OCTET_STRING, b"uid=a"), encode(SEQUENCE, attributes))
    return message(message_id, body, _control(SYNC_STATE, state))


def sync_info(message_id: int, value: bytes, *, name: bytes = SYNC_INFO) -> bytes:
    """An intermediate response."""
    return message(message_id, encode(0x79, encode(0x80, name), encode(0x81, value)))


def id_set(message_id: int, uuids: Sequence[bytes], *, deletes: bool, cookie: str = "") -> bytes:
    """A Sync Info Message with a set of ids."""
    flag = encode(BOOLEAN, b"\xff") if deletes else b""
    given = encode(OCTET_STRING, cookie.encode()) if cookie else b""
    return sync_info(message_id, encode(0xA3, given, flag, encode(SET, *(encode(OCTET_STRING, uuid) for uuid in uuids))))


def sync_done(message_id: int, value: bytes | None, *, code: int = 0, text: str = "") -> bytes:
    """The end of a search, with a Sync Done control of this value."""
    controls = b"" if value is None else _control(SYNC_DONE, value)
    return result(message_id, 0x65, code=code, text=text, controls=controls)


def done_value(cookie: str = "", *, deletes: bool) -> bytes:
    """The value of a Sync Done control."""
    given = encode(OCTET_STRING, cookie.encode()) if cookie else b""
    return encode(SEQUENCE, given, encode(BOOLEAN, b"\xff") if deletes else b"")


def _control(name: bytes, value: bytes) -> bytes:
    return encode(SEQUENCE, encode(OCTET_STRING, name), encode(OCTET_STRING, value))
