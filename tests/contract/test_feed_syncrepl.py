"""Content synchronization (RFC 4533) with OpenLDAP, with and without a session log, and with 389 Directory Server."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from syncd.errors import CursorRefusedError, DirectoryError, NoSuchBaseError, SizeLimitError
from syncd.mapping.identity import entry_id_reader
from syncd.model.feed import Cursor, FeedKind
from tests.contract.directories import directory, people, read
from tests.contract.feed_events import EVENTS, Event, happen
from tests.contract.feed_follower import Follower, with_sync
from tests.contract.feed_life import FeedLife
from tests.servers.ds389 import Ds389
from tests.servers.ldap_stub import LdapStub, done, entry
from tests.servers.slapd import Slapd

OPENLDAP = {"objectClass": [b"OpenLDAProotDSE"], "supportedControl": [b"1.3.6.1.4.1.4203.1.9.1.1"]}
CSN = "20260101000000.000000Z#000000#{}#000000"
_numbers = itertools.count()


# ---------------------------------------------------------------- asked now and then
@pytest.mark.parametrize("event", EVENTS)
def test_whatever_happens_is_named(sync_life: FeedLife, event: Event) -> None:
    event_happens = happen(sync_life, event)
    follower = Follower(sync_life)
    purpose, entry_id = event_happens()
    assert entry_id in follower.named()[purpose]
    assert follower.ask().is_empty
    follower.session.close()


def test_who_enters_the_filter_is_named(sync_life: FeedLife) -> None:
    dn = sync_life.add(hidden=True)
    follower = Follower(sync_life)
    sync_life.show(dn)
    assert sync_life.entry_id(dn) in follower.named()["users"]
    follower.session.close()


def test_nothing_new_costs_one_empty_search_each(follower: Follower) -> None:
    server: Any = follower.life.server
    before = len(server.log_lines("SRCH base="))
    changes = follower.ask()
    # 389-ds is asked for the beginning of its changelog as well
    assert len(server.log_lines("SRCH base=")) - before == 3 + isinstance(server, Ds389)
    assert changes.is_empty
    assert changes.cursor == follower.cursor


def test_many_changes_at_once(follower: Follower) -> None:
    dns = follower.life.server.add_people(100, parent=follower.life.inner)
    assert {follower.life.entry_id(dn) for dn in dns} <= follower.named()["users"]
    for dn in dns[:49]:
        follower.life.delete(dn)
    assert len(follower.named()["users"]) == 49


def test_one_of_many_removals_is_never_lost(follower: Follower) -> None:
    """389-ds leaves out the 51st."""
    gone = follower.life.server.add_people(60, parent=follower.life.inner)
    follower.named()
    for dn in gone:
        follower.life.delete(dn)
    if isinstance(follower.life.server, Ds389):
        with pytest.raises(CursorRefusedError, match="removed"):
            follower.ask()
    else:
        assert len(follower.named()["users"]) == 60


def test_what_happens_during_a_full_read_is_not_lost(sync_life: FeedLife) -> None:
    """The position is taken first; a change is in the read, or named afterwards, or both."""
    follower = Follower(sync_life)
    begun, stop = threading.Event(), threading.Event()

    def write() -> None:
        for _ in range(2000):
            if stop.is_set():
                break
            sync_life.add()
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(30)
    cursor = follower.session.position(FeedKind.SYNCREPL, sync_life.searches)
    entries, verdict = read(follower.session, sync_life.searches[0])
    stop.set()
    writer.join()
    assert verdict.complete
    seen = set(map(entry_id_reader(sync_life.id_attribute), entries))
    changes = follower.session.changes(cursor, sync_life.searches)
    assert sync_life.ids("users") <= seen | set(changes.touched["users"])
    follower.session.close()


# ---------------------------------------------------------------- cookies that are of no use
def moved(cursor: Cursor, change: Callable[[str], str]) -> Cursor:
    return Cursor(feed=cursor.feed, position={purpose: change(cookie) for purpose, cookie in cursor.position.items()})


def later(cookie: str) -> str:
    """A cookie from the future, as a restored server sees it."""
    if "csn=" in cookie:
        return cookie.replace("csn=20", "csn=21")
    head, _, change = cookie.rpartition("#")
    return f"{head}#{int(change) + 1000}"


@pytest.mark.parametrize("change", [lambda cookie: "", lambda cookie: "rubbish", lambda cookie: cookie + "x", later])
def test_a_cookie_that_is_none_of_this_server_is_refused(follower: Follower, change: Callable[[str], str]) -> None:
    cursor = moved(follower.cursor, change)
    with pytest.raises(CursorRefusedError) as caught:
        follower.session.changes(cursor, follower.life.searches)
    assert "users" in caught.value.message
    with pytest.raises(CursorRefusedError):
        next(follower.session.watch(cursor, follower.life.searches))


def test_the_reason_of_a_refusal_is_the_servers(follower: Follower) -> None:
    with pytest.raises(CursorRefusedError) as caught:
        follower.session.changes(moved(follower.cursor, later), follower.life.searches)
    expected = "newer than provider" if isinstance(follower.life.server, Slapd) else "Invalid session cookie"
    assert expected in caught.value.message


def test_a_search_without_a_cookie_is_refused(follower: Follower) -> None:
    cursor = Cursor(feed=FeedKind.SYNCREPL, position={"users": follower.cursor.position["users"]})
    with pytest.raises(CursorRefusedError, match="roles"):
        follower.session.changes(cursor, follower.life.searches)


def test_another_session_goes_on_after_a_refusal(follower: Follower) -> None:
    with pytest.raises(CursorRefusedError):
        follower.session.changes(moved(follower.cursor, later), follower.life.searches)
    dn = follower.life.add()
    assert follower.life.entry_id(dn) in follower.named()["users"]


@pytest.mark.parametrize("csn", [CSN.format("0ab"), CSN.format("000"), f"{CSN.format('000')};{CSN.format('0ab')}"])
def test_what_slapd_takes_for_no_cookie_is_a_whole_list(sync_slapds: dict[str, Slapd], csn: str) -> None:
    """A server it does not know, and a time before all entries: it sends everything, and says that this is all there is."""
    server = sync_slapds["slapd with a log"]
    life = FeedLife(server.at(server.add_ou(f"cookie{next(_numbers)}")))
    life.add(), life.add()
    follower = Follower(life)
    changes = follower.session.changes(moved(follower.cursor, lambda _: f"rid=000,csn={csn}"), life.searches)
    assert set(changes.present["users"]) == life.ids("users")
    assert set(changes.present["units"]) == life.ids("units")
    assert set(changes.present["roles"]) == set()
    follower.session.close()


# ---------------------------------------------------------------- servers that cannot, or will not
def test_a_server_without_content_synchronization(slapd: Slapd) -> None:
    session = directory(slapd).connect()
    with pytest.raises(CursorRefusedError, match="syncprov"):
        session.position(FeedKind.SYNCREPL, [people("ou=people,dc=example,dc=com")])
    with pytest.raises(CursorRefusedError, match="syncprov"):
        session.changes(Cursor(feed=FeedKind.SYNCREPL, position={}), [])
    session.close()


def test_content_synchronization_switched_off(make_ds389: Callable[..., Ds389]) -> None:
    server = make_ds389(config={"cn=content synchronization,cn=plugins,cn=config": {"nsslapd-pluginenabled": "off"}})
    life = FeedLife(server)
    session = directory(server).connect()
    with pytest.raises(CursorRefusedError, match="Content Synchronization"):
        session.position(FeedKind.SYNCREPL, life.searches)
    session.close()


def test_ids_that_are_not_in_the_control(follower: Follower) -> None:
    server: Any = follower.life.server
    session = directory(server, bind_dn=server.reader_dn, entry_id_attribute="employeeNumber").connect()
    with pytest.raises(CursorRefusedError, match="employeenumber"):
        session.changes(follower.cursor, follower.life.searches)
    session.close()


def test_a_context_that_may_not_be_read(make_slapd: Callable[..., Slapd]) -> None:
    server = with_sync(make_slapd, acl=["to attrs=contextCSN by * none", "to * by * read"])
    session = directory(server).connect()
    with pytest.raises(CursorRefusedError, match="contextCSN"):
        session.position(FeedKind.SYNCREPL, FeedLife(server).searches)
    session.close()


def test_the_contexts_of_several_masters() -> None:
    contexts = [CSN.format(server).encode() for server in ("00a", "000", "002")]
    with LdapStub([lambda i: [entry(i, "dc=example,dc=com", {"contextCSN": contexts}), done(i)]], root_dse=OPENLDAP) as stub:
        session = directory(stub).connect()
        cursor = session.position(FeedKind.SYNCREPL, [people("ou=people,dc=example,dc=com")])
        session.close()
    expected = ";".join(CSN.format(server) for server in ("000", "002", "00a"))
    assert cursor.position == {"users": f"rid=000,csn={expected}"}


def test_a_size_limit_is_not_the_cursors_fault(make_slapd: Callable[..., Slapd]) -> None:
    server = with_sync(make_slapd, limits="size=5")
    follower = Follower(FeedLife(server))
    server.add_people(6, parent=follower.life.people)
    with pytest.raises(SizeLimitError):
        follower.ask()
    with pytest.raises(SizeLimitError):
        next(follower.session.watch(follower.cursor, follower.life.searches))
    follower.session.close()


def test_a_base_that_is_gone(follower: Follower) -> None:
    """OpenLDAP says so when it is asked for changes, 389-ds only when it is asked for a position."""
    life = follower.life
    life.server.rename(life.groups, "ou=teams")
    ask = partial(follower.session.position, FeedKind.SYNCREPL, life.searches)
    with pytest.raises(NoSuchBaseError):
        (ask if isinstance(life.server, Ds389) else follower.ask)()


def test_a_changelog_that_begins_after_the_cookie(make_ds389: Callable[..., Ds389]) -> None:
    """What was trimmed in between is lost, and 389-ds says nothing."""
    server = make_ds389()
    life = FeedLife(server)
    follower = Follower(life)
    follower.session.close()
    change = int(follower.cursor.position["users"].rpartition("#")[2])
    life.add(), life.add()
    for number in range(1, change + 2):
        server.delete(f"changenumber={number},cn=changelog")
    server.stop()
    server.start()
    follower.session = follower.connect()
    with pytest.raises(CursorRefusedError, match="changelog begins at"):
        follower.ask()
    with pytest.raises(CursorRefusedError, match="changelog begins at"):
        next(follower.session.watch(follower.cursor, life.searches))
    follower.session.close()


# ---------------------------------------------------------------- restarts
@pytest.mark.parametrize("log", [False, True])
def test_a_cookie_outlives_slapd(make_slapd: Callable[..., Slapd], log: bool) -> None:
    server = with_sync(make_slapd, log=log)
    a_restart_loses_nothing(FeedLife(server))


def test_a_cookie_outlives_389(make_ds389: Callable[..., Ds389]) -> None:
    a_restart_loses_nothing(FeedLife(make_ds389()))


def a_restart_loses_nothing(sync_life: FeedLife) -> None:
    server: Any = sync_life.server
    gone, changed, gone_later = sync_life.add(), sync_life.add(), sync_life.add()
    follower = Follower(sync_life)
    ids = {sync_life.entry_id(gone), sync_life.entry_id(changed), sync_life.entry_id(gone_later)}
    sync_life.delete(gone)
    sync_life.modify(changed)
    server.stop()
    server.start()
    sync_life.delete(gone_later)
    ids.add(sync_life.entry_id(sync_life.add()))
    with pytest.raises(DirectoryError):
        follower.ask()
    follower.session.close()
    follower.session = follower.connect()
    assert ids <= follower.named()["users"]
    assert follower.ask().is_empty
    follower.session.close()
