"""DirSync: every kind of change is named, whatever the server says in how many pieces, and no cookie is trusted too much."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from syncd.directory.ber import OCTET_STRING, SEQUENCE, encode, encode_integer
from syncd.directory.session import LdapSession
from syncd.errors import CursorRefusedError, DirectoryError, InsufficientAccessError, MalformedResponseError
from syncd.model.feed import Changes, Cursor, FeedKind
from tests.contract.directories import directory, people
from tests.contract.feed_life import FeedLife
from tests.contract.feed_session import named, session
from tests.faults.proxy import Proxy, cut
from tests.servers.ldap_stub import CLOSE, Handler, LdapStub, done, entry
from tests.servers.samba import SambaAd

DIRSYNC = b"1.2.840.113556.1.4.841"
BASE = "dc=example,dc=com"


@pytest.fixture
def life(samba_ou: SambaAd) -> FeedLife:
    return FeedLife(samba_ou)


@pytest.fixture
def reader(life: FeedLife) -> Iterator[LdapSession]:
    with session(life) as connected:
        yield connected


def begin(connected: LdapSession, life: FeedLife) -> Cursor:
    return connected.position(FeedKind.DIRSYNC, life.searches)


# ---------------------------------------------------------------- what is named
def test_each_kind_of_change_is_named(reader: LdapSession, life: FeedLife) -> None:
    modified, renamed, moved, left, hidden = (life.add() for _ in range(5))
    group = life.add_group([modified])
    searches = [replace(search, attributes=(*search.attributes, "givenName")) for search in life.searches]
    cursor = begin(reader, life)
    dns = [life.add(), life.rename(renamed), life.move(moved, life.inner), life.move(left, life.elsewhere), modified, hidden]
    life.modify(modified)
    life.hide(hidden)
    life.join(group, hidden)

    changes = reader.changes(cursor, searches)
    assert named(changes) == {life.entry_id(dn) for dn in (*dns, group)}
    assert changes.cursor is not None
    again = reader.changes(changes.cursor, searches)
    assert again.is_empty


def test_who_leaves_the_filter_by_an_attribute_only_it_uses_is_named(reader: LdapSession, life: FeedLife) -> None:
    dn = life.add()
    cursor = begin(reader, life)
    life.hide(dn)
    assert named(reader.changes(cursor, life.searches)) == {life.entry_id(dn)}


def test_the_first_cookie_comes_without_the_entries(life: FeedLife) -> None:
    with Proxy(life.server.url) as proxy, session(life, urls=[proxy.url]) as connected:
        before = len(proxy.streams[0])
        begin(connected, life)
        assert len(proxy.streams[0]) - before < 2000


def test_deleted_entries_are_named_to_who_may_see_them(reader: LdapSession, life: FeedLife) -> None:
    gone = life.add()
    gone_id = life.entry_id(gone)
    cursor = begin(reader, life)
    life.delete(gone)
    with session(life, bind_dn=life.server.root_dn, bind_password=life.server.root_password) as administrator:
        assert gone_id in named(administrator.changes(cursor, life.searches))
    assert named(reader.changes(cursor, life.searches)) == set()


def test_an_account_without_the_right_is_told_of_what_it_can_read(life: FeedLife) -> None:
    assert isinstance(life.server, SambaAd)
    account = life.add()
    life.server.set_password(account, "Plain-Secret-1")
    with session(life, bind_dn=account, bind_password="Plain-Secret-1") as connected:
        cursor = begin(connected, life)
        assert all(text.startswith("1:") for text in cursor.position.values())
        added = life.add()
        changes = connected.changes(cursor, life.searches)
    assert life.entry_id(added) in named(changes)


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize("mark", ["", "0:", "x:AAAA", "2:AAAA", "0:***", "0:" + base64.b64encode(b"rubbish").decode()])
def test_rubbish_is_refused(reader: LdapSession, life: FeedLife, mark: str) -> None:
    cursor = begin(reader, life)
    edited = Cursor(feed=FeedKind.DIRSYNC, position=dict.fromkeys(cursor.position, mark))
    with pytest.raises(CursorRefusedError, match="cookie"):
        reader.changes(edited, life.searches)
    assert reader.changes(cursor, life.searches).is_empty


def test_another_naming_context_is_refused(reader: LdapSession, life: FeedLife) -> None:
    with pytest.raises(CursorRefusedError, match="naming context"):
        reader.position(FeedKind.DIRSYNC, [people("dc=elsewhere")])
    with pytest.raises(CursorRefusedError, match="cookie"):
        reader.changes(Cursor(feed=FeedKind.DIRSYNC, position={}), life.searches)


def test_another_entry_id_is_refused(life: FeedLife) -> None:
    with session(life, entry_id_attribute="objectSid") as connected, pytest.raises(CursorRefusedError, match="objectsid"):
        begin(connected, life)


# ---------------------------------------------------------------- faults, and what Samba never says
def test_an_answer_that_is_cut_off_is_an_error(life: FeedLife) -> None:
    with Proxy(life.server.url) as proxy, session(life, urls=[proxy.url]) as connected:
        cursor = begin(connected, life)
        for _ in range(20):
            life.add()
        before = len(proxy.streams[0])
        assert len(named(connected.changes(cursor, life.searches))) == 20
        whole = len(proxy.streams[0]) - before
        for part in (0.1, 0.5, 0.99):
            with session(life, urls=[proxy.url]) as again:
                proxy.fault = cut(after=len(proxy.streams[-1]) + int(whole * part))
                with pytest.raises(DirectoryError) as caught:
                    again.changes(cursor, life.searches)
                assert not isinstance(caught.value, CursorRefusedError)
            proxy.fault = cut(after=1 << 40)


def dirsynced(cookie: bytes, *, more: bool = False) -> bytes:
    value = encode(SEQUENCE, encode_integer(int(more)), encode_integer(0), encode(OCTET_STRING, cookie))
    return encode(SEQUENCE, encode(OCTET_STRING, DIRSYNC), encode(OCTET_STRING, value))


def answer(*numbers: int, controls: bytes, code: int = 0) -> Handler:
    return lambda i: [*(changed(i, number) for number in numbers), done(i, code=code, controls=controls)]


def changed(message_id: int, number: int) -> bytes:
    return entry(message_id, f"cn=u{number},{BASE}", {"objectGUID": [UUID(int=number).bytes_le]})


def ask(handlers: Sequence[Handler], position: Mapping[str, str] | None = None) -> Changes:
    root_dse = {"supportedCapabilities": [b"1.2.840.113556.1.4.800"], "namingContexts": [BASE.encode()]}
    cursor = Cursor(feed=FeedKind.DIRSYNC, position={BASE: "0:" + base64.b64encode(b"c0").decode()})
    with LdapStub(handlers, root_dse=root_dse) as stub, contextlib.closing(directory(stub).connect()) as connected:
        return connected.changes(cursor, [people(f"ou=people,{BASE}")])


def test_it_asks_until_there_is_no_more() -> None:
    changes = ask(
        [
            answer(1, 2, controls=dirsynced(b"c1", more=True)),
            answer(controls=dirsynced(b"c2", more=True)),
            answer(3, controls=dirsynced(b"c3")),
        ]
    )
    assert named(changes) == {str(UUID(int=number)) for number in (1, 2, 3)}
    assert changes.cursor is not None
    assert changes.cursor.position == {BASE: "0:" + base64.b64encode(b"c3").decode()}


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (answer(2, controls=b"", code=0), CursorRefusedError),
        (answer(2, controls=dirsynced(b"")), CursorRefusedError),
        (answer(2, controls=dirsynced(b"c2"), code=12), CursorRefusedError),
        (answer(2, controls=dirsynced(b"c2"), code=50), InsufficientAccessError),
        (answer(2, controls=encode(SEQUENCE, encode(OCTET_STRING, DIRSYNC))), MalformedResponseError),
        (lambda i: [changed(i, 2), CLOSE], DirectoryError),
        (lambda i: [entry(i, f"cn=x,{BASE}", {}), done(i, controls=dirsynced(b"c2"))], CursorRefusedError),
    ],
)
def test_half_an_answer_is_none(last: Handler, expected: type[DirectoryError]) -> None:
    with pytest.raises(expected):
        ask([answer(1, controls=dirsynced(b"c1", more=True)), last])
