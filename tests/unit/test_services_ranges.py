"""Attributes in parts: what is a whole, and what stays as it came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil

import pytest

from syncd.errors import ConnectionLostError, DirectoryError, InsufficientAccessError, LdapResultError, StoppedError
from syncd.mapping.members import is_partial
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo
from syncd.services.ports_directory import DirectorySession
from syncd.services.ranges import completed

DN = "cn=big,dc=x"
Answer = dict[str, list[bytes]] | DirectoryError


class RangingSession:
    """A server that gives `limit` values at a time, of one entry. `script`: what it answers instead, by number of request."""

    def __init__(self, count: int, *, limit: int = 1500, version_attribute: str | None = "uSNChanged") -> None:
        self.values = values(count)
        self.limit = limit
        self.version = 1
        self.server = ServerInfo(url="ldap://x", vendor="active_directory", version_attribute=version_attribute)
        self.searches: list[Search] = []
        self.script: dict[int, Callable[[], Answer]] = {}

    def part(self, first: int) -> dict[str, list[bytes]]:
        found = self.values[first : first + self.limit]
        last = "*" if first + self.limit >= len(self.values) else str(first + self.limit - 1)
        return {"member": [], f"member;range={first}-{last}": found, "usnchanged": [b"%d" % self.version]}

    def first(self, *, with_version: bool = True) -> Entry:
        """The entry as a page has it."""
        attributes = self.part(0) if len(self.values) > self.limit else {"member": self.values}
        kept = {name: held for name, held in attributes.items() if with_version or name != "usnchanged"}
        return Entry(DN, {"cn": [b"big"], **kept})

    def fetch(self, search: Search) -> Sequence[Entry]:
        self.searches.append(search)
        wanted = search.attributes[0]
        assert (search.base_dn, search.scope) == (DN, Scope.BASE)
        assert wanted.startswith("member;range=")
        assert wanted.endswith("-*")
        scripted = self.script.get(len(self.searches))
        answer = scripted() if scripted else self.part(int(wanted[len("member;range=") : -2]))
        if isinstance(answer, DirectoryError):
            raise answer
        return [Entry(DN, answer)]


def values(count: int) -> list[bytes]:
    return [b"cn=u%06d,dc=x" % number for number in range(count)]


def whole(session: RangingSession, entry: Entry | None = None) -> Entry:
    (found,) = completed(as_session(session), [entry or session.first()], ("member",))
    return found


def as_session(session: RangingSession) -> DirectorySession:
    return session  # type: ignore[return-value]


# ---------------------------------------------------------------- exact
@pytest.mark.parametrize("version_attribute", ["uSNChanged", None])
@pytest.mark.parametrize("with_version", [True, False])
@pytest.mark.parametrize("count", [0, 1, 1499, 1500, 1501, 3000, 3001, 5000, 100_000])
def test_all_values_in_few_requests(count: int, with_version: bool, version_attribute: str | None) -> None:
    session = RangingSession(count, version_attribute=version_attribute)
    found = whole(session, session.first(with_version=with_version))
    assert found.attributes["member"] == values(count)
    assert found.attributes["cn"] == [b"big"]
    assert not is_partial(found)
    assert len(session.searches) <= ceil(count / 1500)
    if count <= 1500:
        assert session.searches == []


def test_entries_without_parts_go_through_in_their_order_and_nothing_is_asked() -> None:
    session = RangingSession(1600)
    others = [Entry(f"cn={number},dc=x", {"cn": [b"x"], "member": [b"cn=a"]}) for number in range(3)]
    found = list(completed(as_session(session), [others[0], session.first(), *others[1:]], ("member",)))
    assert [entry.dn for entry in found] == [others[0].dn, DN, others[1].dn, others[2].dn]
    assert len(session.searches) == 1


def test_an_attribute_nobody_asked_for_stays_as_it_came() -> None:
    session = RangingSession(10)
    entry = Entry(DN, {"cn": [b"big"], "description;range=0-1": [b"a", b"b"]})
    assert whole(session, entry) == entry
    assert session.searches == []


def test_the_attribute_is_meant_by_any_of_its_names() -> None:
    session = RangingSession(1600)
    (found,) = completed(as_session(session), [session.first()], ("2.5.4.31",))
    assert found.attributes["member"] == values(1600)


# ---------------------------------------------------------------- not a whole
def part(first: int, last: int | str, held: Sequence[bytes]) -> Callable[[], Answer]:
    return lambda: {f"member;range={first}-{last}": list(held), "usnchanged": [b"1"]}


ALL = values(5000)
BROKEN: dict[str, Callable[[], Answer]] = {
    "gap": part(1501, 3000, ALL[1501:3001]),
    "overlap": part(1499, 2998, ALL[1499:2999]),
    "repeated": part(0, 1499, ALL[:1500]),
    "fewer than it says": part(1500, 2999, ALL[1500:2998]),
    "more than it says": part(1500, 2999, ALL[1500:3001]),
    "empty": part(1500, "*", []),
    "no range": lambda: {"usnchanged": [b"1"]},
    "all at once": lambda: {"member": ALL, "usnchanged": [b"1"]},
    "two ranges": lambda: {"member;range=1500-1500": ALL[1500:1501], "member;range=1501-*": ALL[1501:]},
    "not a number": lambda: {"member;range=1500-x": ALL[1500:]},
    "values of before": part(1500, "*", ALL[:3500]),
    "refused": lambda: InsufficientAccessError("no"),
    "beyond the end": lambda: LdapResultError("operationsError (1)"),
}


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "all at once"])
def test_parts_that_do_not_join_leave_the_entry_as_it_came(name: str) -> None:
    session = RangingSession(5000)
    session.script = dict.fromkeys(range(1, 100), BROKEN[name])
    entry = session.first()
    assert whole(session, entry) == entry
    assert len(session.searches) <= 5


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "refused"])
def test_one_odd_answer_and_the_reading_begins_again(name: str) -> None:
    session = RangingSession(5000)
    session.script[1] = BROKEN[name]
    assert whole(session).attributes["member"] == ALL
    assert [search.attributes[0] for search in session.searches] == [
        f"member;range={first}-*" for first in (1500, 0, 1500, 3000, 4500)
    ]


def test_no_entry_is_no_answer() -> None:
    session = RangingSession(5000)
    entry = session.first()
    session.fetch = lambda search: []  # type: ignore[method-assign]
    assert whole(session, entry) == entry


# ---------------------------------------------------------------- changes between the parts
def changing(session: RangingSession, number: int) -> None:
    """Somebody leaves the group before the request of this number is answered."""

    def answer() -> Answer:
        session.values = [value for value in session.values if value != ALL[3]]
        session.version += 1
        return session.part(int(session.searches[-1].attributes[0][len("member;range=") : -2]))

    session.script[number] = answer


@pytest.mark.parametrize("with_version", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_group_that_changes_while_it_is_read_is_read_again(number: int, with_version: bool) -> None:
    session = RangingSession(5000)
    entry = session.first(with_version=with_version)
    changing(session, number)
    assert set(whole(session, entry).attributes["member"]) == set(ALL) - {ALL[3]}


def test_a_group_that_never_rests_stays_as_it_came() -> None:
    session = RangingSession(5000)
    entry = session.first()

    def answer() -> Answer:
        session.version += 1
        return session.part(int(session.searches[-1].attributes[0][len("member;range=") : -2]))

    session.script = dict.fromkeys(range(1, 100), answer)
    assert whole(session, entry) == entry
    assert len(session.searches) <= 3 * 4


def test_a_group_that_became_small_comes_in_one_piece() -> None:
    session = RangingSession(5000)
    entry = session.first()

    def shrink() -> Answer:
        session.values = ALL[:10]
        return LdapResultError("operationsError (1)")

    session.script[1] = shrink
    session.script[2] = lambda: {"member": ALL[:10], "usnchanged": [b"2"]}
    assert whole(session, entry).attributes["member"] == ALL[:10]


# ---------------------------------------------------------------- the end
def test_a_lost_connection_ends_it() -> None:
    session = RangingSession(5000)
    session.script[2] = lambda: ConnectionLostError("gone")
    with pytest.raises(ConnectionLostError):
        whole(session)


def test_it_stops_when_asked_to() -> None:
    session = RangingSession(5000)

    def answers() -> Iterator[bool]:
        yield False
        while True:
            yield True

    told = answers()
    with pytest.raises(StoppedError):
        list(completed(as_session(session), [session.first()], ("member",), stopping=lambda: next(told)))
    assert len(session.searches) == 1
