"""modifyTimestamp on each server: what it shows is named, what comes late is found within the overlap."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import ldap
import pytest
from ldap.controls import RequestControl

from syncd.directory.feeds import timestamp
from syncd.directory.session import LdapSession
from syncd.errors import AdminLimitError, CursorRefusedError, DirectoryError
from syncd.model.feed import Cursor, FeedKind
from tests.contract.directories import directory, people
from tests.contract.feed_life import FeedLife
from tests.contract.feed_session import named, session
from tests.faults.proxy import Proxy, cut
from tests.servers.content import Bound, modlist
from tests.servers.ldap_stub import LdapStub, done, entry, paged
from tests.servers.samba import SambaAd
from tests.servers.slapd import Slapd

_RELAX = "1.3.6.1.4.1.4203.666.5.12"


@pytest.fixture(params=["make_slapd", "ds389_ou", "samba_ou"])
def life(request: pytest.FixtureRequest) -> FeedLife:
    server = request.getfixturevalue(request.param)
    return FeedLife(server() if request.param == "make_slapd" else server)


@pytest.fixture
def reader(life: FeedLife) -> Iterator[LdapSession]:
    with session(life) as connected:
        yield connected


def begin(connected: LdapSession, life: FeedLife) -> Cursor:
    return connected.position(FeedKind.TIMESTAMP, life.searches)


def shifted(cursor: Cursor, **by: float) -> Cursor:
    """As if the directory's clock and ours had been elsewhere."""
    moved = {name: datetime.fromisoformat(text) + timedelta(**by) for name, text in cursor.position.items()}
    return Cursor(feed=cursor.feed, position={name: moment.isoformat() for name, moment in moved.items()})


# ---------------------------------------------------------------- what is named
def test_each_kind_of_change_is_named(reader: LdapSession, life: FeedLife) -> None:
    modified, renamed, moved, hidden, gone = (life.add() for _ in range(5))
    group = life.add_group([modified])
    gone_id = life.entry_id(gone)
    cursor = begin(reader, life)
    dns = [life.add(), life.rename(renamed), life.move(moved, life.inner), modified, hidden]
    life.modify(modified)
    life.hide(hidden)
    life.join(group, hidden)
    life.delete(gone)

    changes = reader.changes(cursor, life.searches)
    assert {life.entry_id(dn) for dn in (*dns, group)} <= named(changes)
    # removals are for the sweep
    assert gone_id not in named(changes)
    assert changes.cursor is not None
    assert changes.cursor.feed is FeedKind.TIMESTAMP


def test_more_changes_than_a_page_has(reader: LdapSession, life: FeedLife) -> None:
    cursor = begin(reader, life)
    added = {life.entry_id(life.add()) for _ in range(45)}
    assert added <= named(reader.changes(cursor, life.searches))


def test_an_idle_directory_is_not_read_for_ever(make_slapd: Callable[..., Slapd], monkeypatch: pytest.MonkeyPatch) -> None:
    life = FeedLife(make_slapd())
    added = {life.entry_id(life.add()) for _ in range(3)}
    start = datetime.now(UTC)
    seen = []
    with session(life) as connected:
        cursor = begin(connected, life)
        for minutes in (5, 20, 40):
            monkeypatch.setattr(timestamp, "now", lambda minutes=minutes: start + timedelta(minutes=minutes))
            changes = connected.changes(cursor, life.searches)
            assert changes.cursor is not None
            seen.append(named(changes))
            cursor = changes.cursor
    assert added <= seen[0]
    assert seen[-1] == set()


def test_what_is_older_than_the_overlap_is_not_named_again(life: FeedLife) -> None:
    with session(life, timestamp_overlap="1s") as connected:
        cursor = begin(connected, life)
        added = life.entry_id(life.add())
        named_once = False
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            changes = connected.changes(cursor, life.searches)
            assert changes.cursor is not None
            cursor = changes.cursor
            if named_once and changes.is_empty:
                break
            named_once = named_once or added in named(changes)
            time.sleep(0.1)
        assert named_once
        assert changes.is_empty


def test_a_clock_that_went_back_is_refused(samba_ou: SambaAd) -> None:
    life = FeedLife(samba_ou)
    with session(life) as connected:
        cursor = shifted(begin(connected, life), hours=1)
        with pytest.raises(CursorRefusedError, match="clock"):
            connected.changes(cursor, life.searches)


def test_a_replica_that_lags_is_found_within_the_overlap(make_slapd: Callable[..., Slapd]) -> None:
    life = FeedLife(make_slapd())
    with session(life, timestamp_overlap="10m") as connected:
        life.add()
        cursor = begin(connected, life)
        late, too_late = (add_modified_at(life, datetime.now(UTC) - timedelta(minutes=minutes)) for minutes in (5, 15))
        ids = named(connected.changes(cursor, life.searches))
    assert late in ids
    assert too_late not in ids


def add_modified_at(life: FeedLife, moment: datetime) -> str:
    """An entry as a replica gets it, older than what is there already; its id."""
    dn = f"uid=late{moment.timestamp():.0f},{life.people}"
    attributes = {**life.server.person("late"), "uid": dn[4:].partition(",")[0]}
    with Bound(life.server) as connection:
        relax = RequestControl(_RELAX, criticality=True)
        connection.add_ext_s(dn, modlist(attributes), serverctrls=[relax])
        change = [(ldap.MOD_REPLACE, "modifyTimestamp", [moment.strftime("%Y%m%d%H%M%SZ").encode()])]
        connection.modify_ext_s(dn, change, serverctrls=[relax])
    return life.entry_id(dn)


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize("position", [{}, {"time": "x", "seen": "y", "looked": "z"}, {"time": "2026-01-01T00:00:00"}])
def test_rubbish_is_refused(reader: LdapSession, life: FeedLife, position: dict[str, str]) -> None:
    with pytest.raises(CursorRefusedError):
        reader.changes(Cursor(feed=FeedKind.TIMESTAMP, position=position), life.searches)
    assert begin(reader, life).position["time"]


def test_hidden_times_are_refused(make_slapd: Callable[..., Slapd]) -> None:
    life = FeedLife(make_slapd())
    life.add()
    assert isinstance(life.server, Slapd)
    life.server.set_acl("to attrs=modifyTimestamp by * none", "to * by * read")
    with session(life) as connected, pytest.raises(CursorRefusedError, match="modifyTimestamp"):
        begin(connected, life)


# ---------------------------------------------------------------- faults
def test_an_answer_that_is_cut_off_is_an_error(life: FeedLife) -> None:
    with Proxy(life.server.url) as proxy, session(life, urls=[proxy.url]) as connected:
        cursor = begin(connected, life)
        for _ in range(30):
            life.add()
        before = len(proxy.streams[0])
        assert len(named(connected.changes(cursor, life.searches))) >= 30
        whole = len(proxy.streams[0]) - before
        for part in (0.1, 0.5, 0.8, 0.99):
            with session(life, urls=[proxy.url]) as again:
                proxy.fault = cut(after=len(proxy.streams[-1]) + int(whole * part))
                with pytest.raises(DirectoryError) as caught:
                    again.changes(cursor, life.searches)
                assert not isinstance(caught.value, CursorRefusedError)
            proxy.fault = cut(after=1 << 40)


def test_a_limit_is_an_error_that_says_what_to_do() -> None:
    def limited(message_id: int) -> list[bytes | str]:
        return [done(message_id, code=11, text="look-through limit")]

    def newest(message_id: int) -> list[bytes | str]:
        values = {"modifyTimestamp": [b"20260501120000Z"]}
        # for the base without paging, and for the newest time with it
        return [entry(message_id, "uid=a,dc=example,dc=com", values), done(message_id, controls=paged(b""))]

    searches = [people("dc=example,dc=com")]
    with LdapStub([newest, newest, limited]) as stub, contextlib.closing(directory(stub).connect()) as connected:
        cursor = connected.position(FeedKind.TIMESTAMP, searches)
        with pytest.raises(AdminLimitError) as caught:
            connected.changes(cursor, searches)
    assert "modifyTimestamp" in caught.value.hint
