"""uSNChanged: every kind of change is named, nothing twice, and no number is compared with another count's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest

from syncd.directory.session import LdapSession
from syncd.errors import AdminLimitError, ConnectionLostError, CursorRefusedError, DirectoryError, ServerBusyError
from syncd.model.feed import Changes, Cursor, FeedKind
from tests.contract.directories import directory, people
from tests.contract.feed_life import FeedLife
from tests.contract.feed_session import named, session
from tests.faults.proxy import Proxy, cut
from tests.servers.ldap_stub import Handler, LdapStub, done, entry, paged
from tests.servers.samba import SambaAd


@pytest.fixture
def life(samba_ou: SambaAd) -> FeedLife:
    return FeedLife(samba_ou)


@pytest.fixture
def reader(life: FeedLife) -> Iterator[LdapSession]:
    with session(life) as connected:
        yield connected


@pytest.fixture
def administrator(life: FeedLife) -> Iterator[LdapSession]:
    with session(life, bind_dn=life.server.root_dn, bind_password=life.server.root_password) as connected:
        yield connected


def begin(connected: LdapSession, life: FeedLife) -> Cursor:
    return connected.position(FeedKind.USN, life.searches)


def without_stock(ids: set[str], life: FeedLife) -> set[str]:
    """But for the entries with which the controller keeps its stock of account numbers: whoever adds the 500th renews it."""
    assert isinstance(life.server, SambaAd)
    stock = ("CN=RID Manager$,CN=System", "CN=RID Set,CN=DC1,OU=Domain Controllers")
    return ids - {life.entry_id(f"{dn},{life.server.domain_dn}") for dn in stock}


# ---------------------------------------------------------------- what is named
def test_each_kind_of_change_is_named(reader: LdapSession, life: FeedLife) -> None:
    modified, renamed, moved, left, hidden = (life.add() for _ in range(5))
    group = life.add_group([modified])
    cursor = begin(reader, life)
    dns = [life.add(), life.rename(renamed), life.move(moved, life.inner), life.move(left, life.elsewhere), modified, hidden]
    life.modify(modified)
    life.hide(hidden)
    life.join(group, hidden)

    changes = reader.changes(cursor, life.searches)
    assert without_stock(named(changes), life) == {life.entry_id(dn) for dn in (*dns, group)}

    assert changes.cursor is not None
    assert reader.changes(changes.cursor, life.searches) == Changes(cursor=changes.cursor)


def test_more_changes_than_a_page_has(reader: LdapSession, life: FeedLife) -> None:
    cursor = begin(reader, life)
    added = {life.entry_id(life.add()) for _ in range(45)}
    # other tests work in the same domain
    assert named(reader.changes(cursor, life.searches)) >= added


def test_deleted_entries_are_named_to_who_may_see_them(reader: LdapSession, administrator: LdapSession, life: FeedLife) -> None:
    gone = life.add()
    gone_id = life.entry_id(gone)
    cursor = begin(reader, life)
    life.delete(gone)
    assert gone_id in named(administrator.changes(cursor, life.searches))
    assert named(reader.changes(cursor, life.searches)) == set()


# ---------------------------------------------------------------- what is not compared
@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("controller", "dc2.ad.example.com", "belongs to dc2"),
        ("invocation", "00000000-0000-0000-0000-000000000001", "restored"),
        ("usn", "999999999999", "less than"),
        ("usn", "x", "no number"),
        ("usn", "-1", "no number"),
    ],
)
def test_another_count_is_refused(reader: LdapSession, life: FeedLife, field: str, value: str, reason: str) -> None:
    cursor = begin(reader, life)
    edited = Cursor(feed=FeedKind.USN, position={**cursor.position, field: value})
    with pytest.raises(CursorRefusedError, match=reason):
        reader.changes(edited, life.searches)
    assert reader.changes(cursor, life.searches).is_empty


def test_a_cursor_of_nothing_is_refused(reader: LdapSession, life: FeedLife) -> None:
    with pytest.raises(CursorRefusedError):
        reader.changes(Cursor(feed=FeedKind.USN, position={}), life.searches)


# ---------------------------------------------------------------- faults
def test_an_answer_that_is_cut_off_is_an_error(life: FeedLife) -> None:
    with Proxy(life.server.url) as proxy, session(life, urls=[proxy.url]) as connected:
        cursor = begin(connected, life)
        for _ in range(30):
            life.add()
        before = len(proxy.streams[0])
        assert len(without_stock(named(connected.changes(cursor, life.searches)), life)) == 30
        whole = len(proxy.streams[0]) - before
        for part in (0.1, 0.5, 0.8, 0.99):
            with session(life, urls=[proxy.url]) as again:
                proxy.fault = cut(after=len(proxy.streams[-1]) + int(whole * part))
                with pytest.raises(DirectoryError) as caught:
                    again.changes(cursor, life.searches)
                assert not isinstance(caught.value, CursorRefusedError)
            proxy.fault = cut(after=1 << 40)


# ---------------------------------------------------------------- watching
class Watcher:
    """Counts notices in a thread until the session ends."""

    def __init__(self, connected: LdapSession, cursor: Cursor, life: FeedLife) -> None:
        self._notices = threading.Semaphore(0)
        self.error: DirectoryError | None = None
        self._session, self._cursor, self._searches = connected, cursor, life.searches
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            for notice in self._session.watch(self._cursor, self._searches):
                assert notice == Changes()
                self._notices.release()
        except DirectoryError as error:
            self.error = error

    def noticed(self, *, within: float = 30.0) -> bool:
        """Whether a notice comes in time; all that come with it are taken."""
        woken = self._notices.acquire(timeout=within)
        while self._notices.acquire(timeout=0.2):
            pass
        return woken

    def stop(self) -> None:
        self._session.close()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("feed", [FeedKind.USN, FeedKind.DIRSYNC])
def test_each_kind_of_change_wakes_the_watcher(life: FeedLife, feed: FeedKind) -> None:
    account = {"bind_dn": life.server.root_dn, "bind_password": life.server.root_password}
    dns = [life.add() for _ in range(5)]
    group = life.add_group(dns[:1])
    with session(life, receive_timeout=1.5, **account) as connected:
        watcher = Watcher(connected, connected.position(feed, life.searches), life)
        # listening; and silence does not end it
        assert watcher.noticed()
        assert not watcher.noticed(within=2.5)
        edits = {
            "add": life.add,
            "modify": lambda: life.modify(dns[0]),
            "rename": lambda: life.rename(dns[1]),
            "move": lambda: life.move(dns[2], life.inner),
            "leave the filter": lambda: life.hide(dns[3]),
            "delete": lambda: life.delete(dns[4]),
            "join": lambda: life.join(group, dns[3]),
        }
        missed = []
        for name, edit in edits.items():
            edit()
            if not watcher.noticed():
                missed.append(name)
        assert missed == []
        watcher.stop()
    assert isinstance(watcher.error, ConnectionLostError)


def test_a_watch_ends_with_its_connection(life: FeedLife) -> None:
    with Proxy(life.server.url) as proxy, session(life, urls=[proxy.url]) as connected:
        watcher = Watcher(connected, begin(connected, life), life)
        assert watcher.noticed()
        proxy.fault = cut(after=len(proxy.streams[0]))
        life.add()
        watcher.thread.join(30)
        assert isinstance(watcher.error, ConnectionLostError)


# ---------------------------------------------------------------- what Samba never says
BASE = "dc=example,dc=com"
INVOCATION = UUID(int=7)
ROOT_DSE = {
    "supportedCapabilities": [b"1.2.840.113556.1.4.800"],
    "namingContexts": [BASE.encode()],
    "dnsHostName": [b"DC1.example.com"],
    "dsServiceName": [b"cn=NTDS Settings"],
    "highestCommittedUSN": [b"10"],
}
CURSOR = Cursor(feed=FeedKind.USN, position={"controller": "dc1.example.com", "invocation": str(INVOCATION), "usn": "5"})


def settings_of(values: list[bytes]) -> Handler:
    return lambda i: [entry(i, "cn=NTDS Settings", {"invocationId": values} if values else {}), done(i)]


def changed(number: int) -> Handler:
    values = {"objectGUID": [UUID(int=number).bytes_le]}
    return lambda i: [entry(i, f"cn=u{number},{BASE}", values), done(i, controls=paged(b""))]


@contextlib.contextmanager
def stubbed(*handlers: Handler) -> Iterator[LdapSession]:
    with LdapStub(handlers, root_dse=ROOT_DSE) as stub, contextlib.closing(directory(stub).connect()) as connected:
        yield connected


def refused(code: int) -> Handler:
    return lambda i: [done(i, code=code)]


def test_an_account_that_sees_only_its_corner_is_told_of_that() -> None:
    searches = [people(f"ou=people,{BASE}"), people(f"ou=groups,{BASE}", purpose="roles")]
    with stubbed(settings_of([INVOCATION.bytes_le]), refused(32), changed(1), changed(2)) as connected:
        changes = connected.changes(CURSOR, searches)
    # the shortest base first
    assert changes.touched == {"users": {str(UUID(int=1))}, "roles": {str(UUID(int=2))}}


def test_nothing_changed_is_known_without_a_search_for_changes() -> None:
    """The stub has no answer to a search after that for the NTDS settings."""
    cursor = Cursor(feed=FeedKind.USN, position={**CURSOR.position, "usn": "10"})
    with stubbed(settings_of([INVOCATION.bytes_le])) as connected:
        assert connected.changes(cursor, [people(BASE)]) == Changes(cursor=cursor)


@pytest.mark.parametrize("code", [3, 4, 10, 11, 51, 52, 53])
def test_an_error_is_not_no_changes(code: int) -> None:
    with stubbed(settings_of([INVOCATION.bytes_le]), refused(code)) as connected, pytest.raises(DirectoryError) as caught:
        connected.changes(CURSOR, [people(BASE)])
    assert not isinstance(caught.value, CursorRefusedError)


@pytest.mark.parametrize("handler", [settings_of([]), settings_of([b"short"]), refused(32), refused(50)])
def test_a_hidden_invocation_is_refused(handler: Handler) -> None:
    with stubbed(handler) as connected, pytest.raises(CursorRefusedError, match="NTDS"):
        connected.changes(CURSOR, [people(BASE)])


def test_a_hidden_number_is_refused() -> None:
    def hidden(message_id: int) -> list[bytes | str]:
        return [entry(message_id, BASE, {}), done(message_id)]

    with (
        stubbed(settings_of([INVOCATION.bytes_le]), hidden) as connected,
        pytest.raises(CursorRefusedError, match="uSNChanged"),
    ):
        connected.position(FeedKind.USN, [people(BASE)])


@pytest.mark.parametrize(
    ("code", "expected"), [(12, CursorRefusedError), (0, ConnectionLostError), (11, AdminLimitError), (51, ServerBusyError)]
)
def test_notifications_that_end(code: int, expected: type[DirectoryError]) -> None:
    with stubbed(refused(code)) as connected, pytest.raises(expected):
        list(connected.watch(CURSOR, [people(BASE)]))
