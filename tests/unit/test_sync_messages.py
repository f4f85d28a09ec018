"""The controls and messages of RFC 4533: what is right comes out as it went in, and nothing else passes for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.directory.ber import BOOLEAN, ENUMERATED, OCTET_STRING, SEQUENCE, SET, BerError, encode, encode_integer
from syncd.directory.cutter import Cutter, Message
from syncd.directory.feeds.sync_messages import (
    SYNC_INFO,
    Mode,
    Phase,
    State,
    SyncDone,
    SyncInfo,
    SyncState,
    first_value,
    parse_done,
    parse_info,
    parse_state,
    sync_request,
)
from syncd.directory.messages import parse_result
from tests.servers.ldap_stub import done, entry
from tests.servers.sync_answers import UUID, sync_done, sync_entry, sync_info, sync_state

OTHER = bytes(range(16, 32))
YES, NO = encode(BOOLEAN, b"\xff"), encode(BOOLEAN, b"\x00")


def cut(data: bytes) -> Message:
    (message,) = Cutter().feed(data, message_id=1, entries=[])
    return message


def state_of(value: bytes) -> SyncState:
    return parse_state(cut(sync_entry(7, value)))


def info_of(value: bytes, name: bytes = SYNC_INFO.encode()) -> SyncInfo | None:
    return parse_info(cut(sync_info(7, value, name=name)))


def done_of(value: bytes | None) -> SyncDone:
    return parse_done(parse_result(cut(sync_done(7, value))))


# ---------------------------------------------------------------- to the server
def test_the_request_byte_by_byte() -> None:
    # 30 .. 04 18 <oid> 01 01 ff 04 .. 30 .. 0a 01 <mode> [04 .. <cookie>]
    oid = b"\x04\x181.3.6.1.4.1.4203.1.9.1.1\x01\x01\xff"
    assert sync_request(Mode.REFRESH_ONLY) == b"\x30\x24" + oid + b"\x04\x05\x30\x03\x0a\x01\x01"
    assert sync_request(Mode.REFRESH_AND_PERSIST, "c") == b"\x30\x27" + oid + b"\x04\x08\x30\x06\x0a\x01\x03\x04\x01c"


# ---------------------------------------------------------------- from the server
@pytest.mark.parametrize("state", list(State))
@given(cookie=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_states_come_back(state: State, cookie: str) -> None:
    assert state_of(sync_state(state, UUID, cookie)) == SyncState(state, UUID, cookie)


def test_a_result_with_and_without_its_parts() -> None:
    cookie = encode(OCTET_STRING, b"c")
    assert done_of(encode(SEQUENCE)) == SyncDone("", refresh_deletes=False)
    assert done_of(encode(SEQUENCE, cookie)) == SyncDone("c", refresh_deletes=False)
    assert done_of(encode(SEQUENCE, YES)) == SyncDone("", refresh_deletes=True)
    assert done_of(encode(SEQUENCE, cookie, NO)) == SyncDone("c", refresh_deletes=False)


def test_the_four_kinds_of_information() -> None:
    cookie = encode(OCTET_STRING, b"c")
    ids = encode(SET, encode(OCTET_STRING, UUID), encode(OCTET_STRING, OTHER))
    assert info_of(encode(0x80, b"c")) == SyncInfo(Phase.NEW_COOKIE, "c", flag=False, uuids=())
    assert info_of(encode(0xA1)) == SyncInfo(Phase.REFRESH_DELETE, "", flag=True, uuids=())
    assert info_of(encode(0xA1, cookie, NO)) == SyncInfo(Phase.REFRESH_DELETE, "c", flag=False, uuids=())
    assert info_of(encode(0xA2, cookie)) == SyncInfo(Phase.REFRESH_PRESENT, "c", flag=True, uuids=())
    assert info_of(encode(0xA3, ids)) == SyncInfo(Phase.ID_SET, "", flag=False, uuids=(UUID, OTHER))
    assert info_of(encode(0xA3, cookie, YES, encode(SET))) == SyncInfo(Phase.ID_SET, "c", flag=True, uuids=())


def test_another_intermediate_response_is_none() -> None:
    assert info_of(b"whatever", name=b"1.2.3") is None


def test_a_large_set_of_ids() -> None:
    uuids = tuple(number.to_bytes(16, "big") for number in range(20_000))
    info = info_of(encode(0xA3, encode(SET, *(encode(OCTET_STRING, uuid) for uuid in uuids))))
    assert info is not None
    assert info.uuids == uuids


@pytest.mark.parametrize("name", ["entrycsn", "cn"])
def test_the_first_value_of_an_attribute(name: str) -> None:
    message = cut(entry(7, "uid=a", {"sn": [b"s"], "entryCSN": [b"x", b"y"], "cn": [b"x"], "empty": []}))
    assert first_value(message, name) == b"x"
    assert first_value(message, "mail") is None
    assert first_value(message, "empty") is None


# ---------------------------------------------------------------- what is not like that
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x30",
        encode(SEQUENCE),
        encode(SET, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID)),
        encode(SEQUENCE, encode_integer(4, ENUMERATED), encode(OCTET_STRING, UUID)),
        encode(SEQUENCE, encode_integer(-1, ENUMERATED), encode(OCTET_STRING, UUID)),
        encode(SEQUENCE, encode_integer(1), encode(OCTET_STRING, UUID)),
        encode(SEQUENCE, encode_integer(1, ENUMERATED)),
        encode(SEQUENCE, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID[:15])),
        encode(SEQUENCE, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID + b"x")),
        sync_state(State.ADD, UUID, "c") + b"\x00",
        encode(SEQUENCE, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID), YES),
        encode(SEQUENCE, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID), encode(OCTET_STRING, b"\xff")),
        encode(SEQUENCE, encode_integer(1, ENUMERATED), encode(OCTET_STRING, UUID), encode(OCTET_STRING, b"a\0b")),
    ],
)
def test_no_other_state_is_taken(value: bytes) -> None:
    with pytest.raises((BerError, IndexError)):
        state_of(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        encode(0x81, b"c"),
        encode(0xA4),
        encode(0x80, b"\xfe"),
        encode(0xA1, YES, YES),
        encode(0xA1, encode(BOOLEAN, b"")),
        encode(0xA2, encode(BOOLEAN, b"\x01\x01")),
        encode(0xA3),
        encode(0xA3, YES),
        encode(0xA3, encode(SEQUENCE, encode(OCTET_STRING, UUID))),
        encode(0xA3, encode(SET, encode(OCTET_STRING, UUID[1:]))),
        encode(0xA3, encode(SET, encode(SEQUENCE, UUID))),
        encode(0xA3, encode(SET), encode(SET)),
        encode(0xA1) + encode(0xA1),
        b"\xa3\x80\x00\x00",
        b"\xa3\x05\x31\x7f\x04\x10a",
    ],
)
def test_no_other_information_is_taken(value: bytes) -> None:
    with pytest.raises((BerError, IndexError)):
        info_of(value)


@pytest.mark.parametrize("value", [None, b"", b"\x31\x00", encode(SEQUENCE, YES, YES), encode(SEQUENCE, encode_integer(1))])
def test_no_other_end_is_taken(value: bytes | None) -> None:
    with pytest.raises((BerError, IndexError)):
        done_of(value)


def test_an_entry_and_a_result_without_their_controls() -> None:
    with pytest.raises(BerError):
        parse_state(cut(entry(7, "uid=a", {})))
    with pytest.raises(BerError):
        parse_done(parse_result(cut(done(7))))


@pytest.mark.parametrize("read", [state_of, info_of, done_of])
@given(value=st.binary(max_size=60))
def test_no_bytes_make_a_reader_stumble(read: Callable[[bytes], object], value: bytes) -> None:
    try:
        found = read(value)
    except (BerError, IndexError):
        return
    assert found is None or isinstance(found, SyncState | SyncInfo | SyncDone)


@given(st.integers(0, 60), st.binary(min_size=1, max_size=3))
def test_a_damaged_set_gives_whole_ids_or_none(position: int, damage: bytes) -> None:
    value = bytearray(encode(0xA3, YES, encode(SET, encode(OCTET_STRING, UUID), encode(OCTET_STRING, OTHER))))
    value[position % len(value) : position % len(value) + len(damage)] = damage
    try:
        info = info_of(bytes(value))
    except (BerError, IndexError):
        return
    assert info is not None
    assert all(len(uuid) == 16 for uuid in info.uuids)
