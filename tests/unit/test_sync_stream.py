"""What a synchronized search amounts to, message by message: above all, when its cookie may be kept and a list believed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from syncd.directory.ber import BOOLEAN, OCTET_STRING, encode
from syncd.directory.cutter import Cutter
from syncd.directory.feeds.sync_messages import Mode
from syncd.directory.feeds.sync_stream import Dialect, SyncStream
from syncd.directory.wire import Wire
from syncd.errors import (
    ConnectionLostError,
    CursorRefusedError,
    DirectoryError,
    MalformedResponseError,
    ReferralError,
    ServerBusyError,
    SizeLimitError,
    UnwillingToPerformError,
)
from syncd.model.reading import Search, ServerInfo
from tests.servers.ldap_stub import done, entry, message, reference
from tests.servers.sync_answers import done_value, id_set, sync_done, sync_entry, sync_info, sync_state

SEARCH = Search(purpose="users", base_dn="ou=people,dc=x", filter="(uid=*)", attributes=("cn",))
SERVER = ServerInfo(url="ldap://x", vendor="openldap", naming_contexts=("dc=x", "dc=y"))
A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
OPENLDAP = Dialect(entry_id=lambda raw: raw[:1].hex(), version="entrycsn", floor=lambda cookie: cookie)
DS389 = Dialect(entry_id=lambda raw: raw[:1].hex(), lists=False, suspicious=2)
PRESENT, ADD, MODIFY, DELETE = range(4)
NO = encode(BOOLEAN, b"\x00")


def stream(*messages: bytes, mode: Mode = Mode.REFRESH_ONLY, dialect: Dialect = OPENLDAP) -> SyncStream:
    """A stream with the cookie "5" that has taken these messages."""
    made = SyncStream(SEARCH, cookie="5", mode=mode, server=SERVER, dialect=dialect)
    take(made, *messages)
    return made


def take(taker: SyncStream, *messages: bytes) -> None:
    for one in Cutter().feed(b"".join(messages), message_id=0, entries=[]):
        taker.take(one)


def said(state: int, uuid: bytes, cookie: str = "", csn: str = "") -> bytes:
    return sync_entry(1, sync_state(state, uuid, cookie), csn=csn)


def end(cookie: str = "", *, deletes: bool) -> bytes:
    return sync_done(1, done_value(cookie, deletes=deletes))


def phase_end(tag: int, cookie: str = "", *, refreshed: bool = True) -> bytes:
    given = encode(OCTET_STRING, cookie.encode()) if cookie else b""
    return sync_info(1, encode(tag, given, b"" if refreshed else NO))


# ---------------------------------------------------------------- the refresh
def test_nothing_happened() -> None:
    found = stream(end(deletes=True))
    assert (found.touched, found.present, found.cookie, found.covered) == (set(), None, "5", True)


@pytest.mark.parametrize("cookie", ["", "5"])
def test_nothing_happened_and_no_word_of_deletes(cookie: str) -> None:
    assert stream(end(cookie, deletes=False)).present is None


def test_removed_ones_are_named() -> None:
    found = stream(said(MODIFY, A), said(DELETE, B), id_set(1, [C], deletes=True), end("6", deletes=True))
    assert (found.touched, found.present, found.cookie, found.covered) == ({"01", "02", "03"}, None, "6", True)


def test_those_that_are_left_are_listed() -> None:
    found = stream(said(PRESENT, A), id_set(1, [B], deletes=False), said(ADD, C), end("6", deletes=False))
    assert (found.touched, found.present, found.cookie) == ({"03"}, {"01", "02", "03"}, "6")


def test_nobody_is_left() -> None:
    assert stream(end("6", deletes=False)).present == set()


def test_a_list_and_then_removals() -> None:
    found = stream(id_set(1, [A, B], deletes=False), phase_end(0xA2, refreshed=False), said(DELETE, A), end("6", deletes=True))
    assert (found.touched, found.present) == ({"01"}, {"02"})


def test_a_list_without_its_end_is_refused() -> None:
    with pytest.raises(CursorRefusedError, match="whole"):
        stream(id_set(1, [A], deletes=False), end("6", deletes=True))


def test_a_cookie_half_way_covers_nothing() -> None:
    found = stream(id_set(1, [A], deletes=True, cookie="9"), said(ADD, B, "9"), end(deletes=True))
    assert (found.cookie, found.covered) == ("5", False)


def test_a_server_that_takes_no_notice_of_the_cookie() -> None:
    with pytest.raises(CursorRefusedError, match="notice"):
        stream(said(ADD, A, csn="4"), said(ADD, B, csn="6"), end("6", deletes=True))


def test_entries_as_old_as_the_cookie_are_fine() -> None:
    assert stream(said(ADD, A, csn="5"), end("6", deletes=True)).touched == {"01"}


def test_old_entries_in_a_whole_list_are_fine() -> None:
    assert stream(said(ADD, A, csn="4"), end("6", deletes=False)).present == {"01"}


def test_389_never_lists() -> None:
    found = stream(said(ADD, A), end("6", deletes=False), dialect=DS389)
    assert (found.touched, found.present, found.covered) == ({"01"}, None, True)


def test_389_loses_one_of_many_removals() -> None:
    assert stream(id_set(1, [A], deletes=True), dialect=DS389).touched == {"01"}
    with pytest.raises(CursorRefusedError, match="removed"):
        stream(id_set(1, [A, B], deletes=True), dialect=DS389)


def test_a_part_on_another_server_is_an_error() -> None:
    assert stream(reference(1, "ldap://other/dc=y")).touched == set()
    with pytest.raises(ReferralError):
        stream(reference(1, "ldap://other/ou=far,ou=people,dc=x"))


# ---------------------------------------------------------------- refusals and other failures
@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (4096, "", CursorRefusedError),
        (4096, "Invalid session cookie", CursorRefusedError),
        (12, "critical control unavailable in context", CursorRefusedError),
        (53, "consumer state is newer than provider!", CursorRefusedError),
        (2, "Sync control : cookie parsing error", CursorRefusedError),
        (53, "not today", UnwillingToPerformError),
        (2, "bad tag", DirectoryError),
        (4, "", SizeLimitError),
        (51, "", ServerBusyError),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_only_what_is_about_the_cookie_is_a_refusal(code: int, text: str, expected: type[DirectoryError], mode: Mode) -> None:
    with pytest.raises(DirectoryError) as caught:
        stream(sync_done(1, None, code=code, text=text), mode=mode)
    assert type(caught.value) is expected or expected is DirectoryError
    assert isinstance(caught.value, CursorRefusedError) is (expected is CursorRefusedError)
    assert text in caught.value.message


# ---------------------------------------------------------------- what happens from then on
def test_each_change_moves_the_cookie() -> None:
    found = stream(phase_end(0xA1), mode=Mode.REFRESH_AND_PERSIST)
    assert (found.refreshed, found.covered) == (True, True)
    take(found, said(ADD, A, "6"))
    assert (found.touched, found.cookie, found.covered) == ({"01"}, "6", True)
    take(found, said(DELETE, B))
    assert (found.touched, found.cookie, found.covered) == ({"01", "02"}, "6", False)
    found.clear()
    assert (found.touched, found.covered) == (set(), False)
    take(found, sync_info(1, encode(0x80, b"7")))
    assert (found.cookie, found.covered) == ("7", True)


def test_a_list_at_the_beginning() -> None:
    found = stream(id_set(1, [A], deletes=False), said(ADD, B), phase_end(0xA2, "6"), mode=Mode.REFRESH_AND_PERSIST)
    assert (found.touched, found.present, found.cookie, found.covered) == ({"02"}, {"01", "02"}, "6", True)


def test_a_search_that_should_go_on_and_ends() -> None:
    with pytest.raises(ConnectionLostError, match="waits for changes"):
        stream(phase_end(0xA1), end("6", deletes=True), mode=Mode.REFRESH_AND_PERSIST)


# ---------------------------------------------------------------- several searches on one connection
@pytest.fixture
def pair() -> Iterator[tuple[Wire, socket.socket]]:
    """A connection, and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    wire = Wire(near, url="ldap://x", receive_timeout=5, page_timeout=5)
    with contextlib.closing(far):
        yield wire, far
        wire.close()


def test_messages_are_told_apart_by_their_ids(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    far.sendall(done(2) + entry(1, "uid=a", {"cn": [b"a"]}))
    assert [(one.id, one.tag) for one in wire.receive({1, 2}, patient=True)] == [(2, 0x65), (1, 0x64)]


def test_half_a_message_is_none(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    data = entry(1, "uid=a", {"cn": [b"a" * 100]})
    far.sendall(data[:10])
    assert wire.receive({1}, patient=False) == []
    far.sendall(data[10:])
    assert len(wire.receive({1}, patient=False)) == 1


@pytest.mark.parametrize("stray", [done(3), entry(3, "uid=a", {}), entry(0, "uid=a", {}), message(0, encode(0x79))])
def test_what_nobody_asked_for_ends_the_connection(pair: tuple[Wire, socket.socket], stray: bytes) -> None:
    wire, far = pair
    far.sendall(stray)
    with pytest.raises(MalformedResponseError):
        wire.receive({1}, patient=True)
    with pytest.raises(MalformedResponseError):
        wire.receive({1}, patient=True)


def test_what_was_abandoned_is_dropped(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    wire.abandon(3)
    far.sendall(done(3) + entry(3, "uid=a", {}) + done(1))
    assert [one.id for one in wire.receive({1}, patient=True)] == [1]


def test_a_malformed_value_ends_the_connection(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    with pytest.raises(MalformedResponseError), wire.malformed():
        stream(sync_entry(1, b"\x30\x00"))
    with pytest.raises(MalformedResponseError):
        wire.send(b"")


def test_whether_there_is_more(pair: tuple[Wire, socket.socket]) -> None:
    wire, far = pair
    assert not wire.has_more(within=0)
    far.sendall(done(1))
    assert wire.has_more(within=5)
    assert wire.receive({1}, patient=True)
    assert not wire.has_more(within=0)
    far.close()
    assert wire.has_more(within=5)
    wire.close()
    assert wire.has_more(within=0)


def test_a_dead_server_is_noticed_within_two_minutes(pair: tuple[Wire, socket.socket]) -> None:
    wire, _ = pair
    wire.keep_alive()
    idle, interval, count = (
        wire._socket.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert wire._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert idle + interval * count <= 120
