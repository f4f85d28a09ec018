"""Content synchronization (RFC 4533) with OpenLDAP, with and without a session log, and with 389 Directory Server."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from syncd.errors import CursorRefusedError, DirectoryError, NoSuchBaseError, ReceiveTimeoutError, SizeLimitError
from syncd.mapping.identity import entry_id_reader
from syncd.model.feed import Changes, Cursor, FeedKind
from tests.contract.directories import directory, people, read
from tests.contract.feed_life import FeedLife
from tests.servers.ds389 import Ds389
from tests.servers.ldap_stub import LdapStub, done, entry
from tests.servers.slapd import Slapd
from tests.servers.tls import Authority

SYNCPROV = "olcOverlay={1}syncprov,olcDatabase={1}mdb,cn=config"
OPENLDAP = {"objectClass": [b"OpenLDAProotDSE"], "supportedControl": [b"1.3.6.1.4.1.4203.1.9.1.1"]}
CSN = "20260101000000.000000Z#000000#{}#000000"
_numbers = itertools.count()


def with_sync(make_slapd: Callable[..., Slapd], *, log: bool = False, **options: Any) -> Slapd:
    server = make_slapd(overlays=("memberof", "syncprov"), **options)
    if log:
        server.configure(SYNCPROV, {"olcSpSessionlog": "1000"})
    return server


@pytest.fixture(scope="module")
def slapds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Slapd]]:
    """One OpenLDAP without a session log and one with it, for the tests of this module."""
    with ExitStack() as servers:

        def make(**options: Any) -> Slapd:
            return servers.enter_context(Slapd(tmp_path_factory.mktemp("sync"), **options))

        yield {"slapd": with_sync(make), "slapd with a log": with_sync(make, log=True)}


@pytest.fixture(params=["slapd", "slapd with a log", "ds389"])
def life(request: pytest.FixtureRequest, slapds: dict[str, Slapd]) -> FeedLife:
    """A place of the test's own on each server, with two people and a group of both."""
    if request.param == "ds389":
        view: Slapd | Ds389 = request.getfixturevalue("ds389_ou")
    else:
        server = slapds[request.param]
        view = server.at(server.add_ou(f"sync{next(_numbers)}"))
    life = FeedLife(view)
    life.add_group([life.add(), life.add()])
    return life


class Follower:
    """Asks the feed again and again, as a sync does."""

    def __init__(self, life: FeedLife, **settings: Any) -> None:
        self.life = life
        self._settings = settings
        self.session = self.connect()
        self.cursor = self.session.position(FeedKind.SYNCREPL, life.searches)
        self._known = self._all()

    def connect(self) -> Any:
        server: Any = self.life.server
        return directory(server, bind_dn=server.reader_dn, **self._settings).connect()

    def ask(self) -> Changes:
        changes: Changes = self.session.changes(self.cursor, self.life.searches)
        return changes

    def named(self) -> dict[str, set[str]]:
        """For each search, what the feed gives reason to look at."""
        return self.follow(self.ask())

    def follow(self, changes: Changes) -> dict[str, set[str]]:
        named = {purpose: set(changes.touched.get(purpose, ())) | set(changes.touched.get("", ())) for purpose in self._known}
        for purpose, present in changes.present.items():
            named[purpose] |= self._known[purpose] ^ set(present)
        if changes.cursor is not None:
            self.cursor = changes.cursor
        self._known = self._all()
        return named

    def _all(self) -> dict[str, set[str]]:
        return {search.purpose: self.life.ids(search.purpose) for search in self.life.searches}


@pytest.fixture
def follower(life: FeedLife) -> Iterator[Follower]:
    follower = Follower(life)
    yield follower
    follower.session.close()


# ---------------------------------------------------------------- what happens, and which search must hear of whom
def add(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.add())


def modify(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.modify(person)
    return "users", life.entry_id(person)


def delete(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    entry_id = life.entry_id(person)
    life.delete(person)
    return "users", entry_id


def rename(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.rename(person))


def move_inside(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(person, life.inner))


def move_out(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(person, life.elsewhere))


def move_in(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "users", life.entry_id(life.move(outsider, life.people))


def leave_the_filter(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.hide(person)
    return "users", life.entry_id(person)


def join_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.join(group, outsider)
    return "roles", life.entry_id(group)


def leave_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    life.leave(group, person)
    return "roles", life.entry_id(group)


def add_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "roles", life.entry_id(life.add_group([person]))


def delete_a_group(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    entry_id = life.entry_id(group)
    life.delete(group)
    return "roles", entry_id


def rename_a_unit(life: FeedLife, person: str, outsider: str, group: str) -> tuple[str, str]:
    return "units", life.entry_id(life.rename(life.inner))


EVENTS = [
    add,
    modify,
    delete,
    rename,
    move_inside,
    move_out,
    move_in,
    leave_the_filter,
    join_a_group,
    leave_a_group,
    add_a_group,
    delete_a_group,
    rename_a_unit,
]
Event = Callable[[FeedLife, str, str, str], tuple[str, str]]


def happen(life: FeedLife, event: Event) -> Callable[[], tuple[str, str]]:
    """The event, with those it happens to already there."""
    person, outsider = life.add(), life.add(parent=life.elsewhere)
    group = life.add_group([person, life.add()])
    return lambda: event(life, person, outsider, group)


# ---------------------------------------------------------------- asked now and then
@pytest.mark.parametrize("event", EVENTS)
def test_whatever_happens_is_named(life: FeedLife, event: Event) -> None:
    event_happens = happen(life, event)
    follower = Follower(life)
    purpose, entry_id = event_happens()
    assert entry_id in follower.named()[purpose]
    assert follower.ask().is_empty
    follower.session.close()


def test_who_enters_the_filter_is_named(life: FeedLife) -> None:
    dn = life.add(hidden=True)
    follower = Follower(life)
    life.show(dn)
    assert life.entry_id(dn) in follower.named()["users"]
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


def test_what_happens_during_a_full_read_is_not_lost(life: FeedLife) -> None:
    """The position is taken first; a change is in the read, or named afterwards, or both."""
    follower = Follower(life)
    begun, stop = threading.Event(), threading.Event()

    def write() -> None:
        for _ in range(2000):
            if stop.is_set():
                break
            life.add()
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(10)
    cursor = follower.session.position(FeedKind.SYNCREPL, life.searches)
    entries, verdict = read(follower.session, life.searches[0])
    stop.set()
    writer.join()
    assert verdict.complete
    seen = set(map(entry_id_reader(life.id_attribute), entries))
    changes = follower.session.changes(cursor, life.searches)
    assert life.ids("users") <= seen | set(changes.touched["users"])
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
def test_what_slapd_takes_for_no_cookie_is_a_whole_list(slapds: dict[str, Slapd], csn: str) -> None:
    """A server it does not know, and a time before all entries: it sends everything, and says that this is all there is."""
    server = slapds["slapd with a log"]
    life = FeedLife(server.at(server.add_ou(f"sync{next(_numbers)}")))
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


def a_restart_loses_nothing(life: FeedLife) -> None:
    server: Any = life.server
    gone, changed, gone_later = life.add(), life.add(), life.add()
    follower = Follower(life)
    ids = {life.entry_id(gone), life.entry_id(changed), life.entry_id(gone_later)}
    life.delete(gone)
    life.modify(changed)
    server.stop()
    server.start()
    life.delete(gone_later)
    ids.add(life.entry_id(life.add()))
    with pytest.raises(DirectoryError):
        follower.ask()
    follower.session.close()
    follower.session = follower.connect()
    assert ids <= follower.named()["users"]
    assert follower.ask().is_empty
    follower.session.close()


# ---------------------------------------------------------------- as it happens
class Watcher:
    """Watches in a thread of its own; what it hears is in `heard`, and at the end the error it ended with."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.heard: queue.Queue[Changes | DirectoryError] = queue.Queue()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        # whatever happens from here on comes as it happens
        follower.life.modify(first := follower.life.add())
        self.wait_for("users", follower.life.entry_id(first), seconds=10)

    def _watch(self) -> None:
        try:
            for changes in self.follower.session.watch(self.follower.cursor, self.follower.life.searches):
                self.heard.put(changes)
        except DirectoryError as error:
            self.heard.put(error)

    def wait_for(self, purpose: str, entry_id: str, *, seconds: float = 1) -> None:
        """Wait until this id is named. Raises queue.Empty when nothing comes for so long."""
        while True:
            changes = self.heard.get(timeout=seconds)
            assert isinstance(changes, Changes), changes
            if entry_id in self.follower.follow(changes)[purpose]:
                break

    def end(self) -> DirectoryError:
        """The error it ends with."""
        while isinstance(error := self.heard.get(timeout=10), Changes):
            pass
        self._thread.join(10)
        assert not self._thread.is_alive()
        return error

    def close(self) -> None:
        self.follower.session.close()
        self._thread.join(10)


@pytest.fixture
def watcher(follower: Follower) -> Iterator[Watcher]:
    watcher = Watcher(follower)
    yield watcher
    watcher.close()


@pytest.mark.parametrize("event", EVENTS)
def test_whatever_happens_is_told_within_a_second(watcher: Watcher, event: Event) -> None:
    purpose, entry_id = happen(watcher.follower.life, event)()
    watcher.wait_for(purpose, entry_id)


def test_a_watch_begins_with_what_happened_before(follower: Follower) -> None:
    gone, changed = follower.life.add(), follower.life.add()
    follower.named()
    ids = {follower.life.entry_id(gone), follower.life.entry_id(changed)}
    follower.life.delete(gone)
    follower.life.modify(changed)
    watching = follower.session.watch(follower.cursor, follower.life.searches)
    changes = next(watching)
    assert ids <= follower.follow(changes)["users"]
    assert changes.cursor is not None
    watching.close()
    # the connection is free again
    assert follower.ask().is_empty


def test_the_cursor_of_a_watch_stands_for_all_that_was_told(watcher: Watcher) -> None:
    follower = watcher.follower
    dn = follower.life.add()
    watcher.wait_for("users", follower.life.entry_id(dn))
    cursor = follower.cursor
    other = Follower(follower.life)
    assert other.session.changes(cursor, follower.life.searches).is_empty
    later = follower.life.add()
    assert follower.life.entry_id(later) in other.session.changes(cursor, follower.life.searches).touched["users"]
    other.session.close()


def test_many_changes_are_told_in_few_pieces(watcher: Watcher) -> None:
    dns = watcher.follower.life.server.add_people(100, parent=watcher.follower.life.inner)
    wanted = set(map(watcher.follower.life.entry_id, dns))
    pieces = 0
    while wanted:
        changes = watcher.heard.get(timeout=5)
        assert isinstance(changes, Changes)
        wanted -= set(changes.touched["users"])
        pieces += 1
    assert pieces <= 50


def test_closing_ends_a_watch_at_once(watcher: Watcher) -> None:
    watcher.follower.session.close()
    assert "closed on this side" in watcher.end().message


@pytest.mark.parametrize("kind", ["slapd", "ds389"])
def test_a_watch_ends_with_the_server_and_nothing_is_lost(request: pytest.FixtureRequest, kind: str) -> None:
    server = with_sync(request.getfixturevalue("make_slapd")) if kind == "slapd" else request.getfixturevalue("make_ds389")()
    follower = Follower(FeedLife(server))
    watcher = Watcher(follower)
    server.stop()
    assert watcher.end().code == "connection_lost"
    watcher.close()
    server.start()
    ids = {follower.life.entry_id(follower.life.add())}
    follower.session = follower.connect()
    assert ids <= follower.follow(next(follower.session.watch(follower.cursor, follower.life.searches)))["users"]
    follower.session.close()


def test_a_watch_outlasts_the_receive_timeout(make_slapd: Callable[..., Slapd]) -> None:
    follower = Follower(FeedLife(with_sync(make_slapd)), receive_timeout=0.2)
    watcher = Watcher(follower)
    with pytest.raises(queue.Empty):
        watcher.heard.get(timeout=0.5)
    watcher.wait_for("users", follower.life.entry_id(follower.life.add()))
    watcher.close()


def test_a_slapd_of_few_threads_is_told_of(make_slapd: Callable[..., Slapd]) -> None:
    server = with_sync(make_slapd)
    server.configure("cn=config", {"olcThreads": "4"})
    follower = Follower(FeedLife(server), receive_timeout=0.5)
    with pytest.raises(ReceiveTimeoutError) as caught:
        next(follower.session.watch(follower.cursor, follower.life.searches))
    assert "olcThreads" in caught.value.hint
    follower.session.close()


def test_a_watch_through_tls(make_slapd: Callable[..., Slapd], authority: Authority) -> None:
    server = with_sync(make_slapd, tls=authority)
    follower = Follower(FeedLife(server), urls=[server.ldaps_url], tls={"ca_file": server.ca_file})
    watcher = Watcher(follower)
    server.add_people(50, parent=follower.life.people)
    watcher.wait_for("users", follower.life.entry_id(follower.life.add()))
    follower.session.close()
    assert "closed on this side" in watcher.end().message
    watcher.close()
