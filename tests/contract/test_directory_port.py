"""What every directory promises, kept by the real adapter on real servers and by the fake that other tests rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from syncd.errors import (
    ConnectionLostError,
    ConnectionRefusedByServerError,
    InvalidCredentialsError,
    InvalidFilterError,
    NoSuchBaseError,
)
from syncd.model.dn import normalize
from syncd.model.reading import Scope
from syncd.services.ports_directory import Directory
from tests.contract.directories import DEAD, Server, binds, directory, people, read
from tests.fakes.directory import FakeDirectory


@dataclass
class Subject:
    """A directory of fifty people, pages of twenty; and how to get others of its kind."""

    directory: Directory
    base_dn: str
    # a directory whose first server is dead, and one whose password is wrong
    with_dead_server: Callable[[], Directory]
    with_wrong_password: Callable[[], Directory]
    urls_tried: Callable[[], int]
    vendor: str = "openldap"
    naming_context: str = "dc=example,dc=com"
    id_attribute: str = "entryuuid"
    rdn: str = "uid"
    # Active Directory knows each attribute by one name only
    surname: str = "surname"

    @property
    def people_dn(self) -> str:
        return f"ou=people,{self.base_dn}"


@pytest.fixture(params=["slapd", "ds389", "samba", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        return _fake()
    server = request.getfixturevalue(request.param)
    if request.param == "slapd":
        return _real(server)
    if request.param == "ds389":
        return _real(server, vendor="ds389", id_attribute="nsuniqueid")
    return _real(
        server,
        vendor="active_directory",
        id_attribute="objectguid",
        naming_context=server.domain_dn,
        rdn="CN",
        surname="sn",
    )


def _real(server: Server, **differences: str) -> Subject:
    def make(**changes: Any) -> Directory:
        return directory(server, **changes)

    return Subject(
        directory=make(),
        base_dn=server.base_dn,
        with_dead_server=lambda: make(urls=[DEAD, server.url]),
        with_wrong_password=lambda: make(urls=[server.url, server.url + "/"], bind_password="wrong"),
        urls_tried=lambda: binds(server),
        **differences,
    )


def _fake() -> Subject:
    fake = FakeDirectory(page_size=20)
    fake.add("ou=people,dc=example,dc=com", objectClass="organizationalUnit", ou="people")
    fake.add_people(50, parent="ou=people,dc=example,dc=com")
    dead = FakeDirectory(urls=("ldap://dead", "ldap://alive"))
    dead.connect_errors["ldap://dead"] = ConnectionRefusedByServerError()
    locked = FakeDirectory(urls=("ldap://one", "ldap://two"))
    locked.connect_errors |= {url: InvalidCredentialsError() for url in locked.urls}
    return Subject(fake, fake.base_dn, lambda: dead, lambda: locked, lambda: len(locked.connects))


def test_all_entries_come_in_pages_with_a_complete_verdict(subject: Subject) -> None:
    session = subject.directory.connect()
    reading = session.read(people(subject.base_dn))
    sizes = [len(batch) for batch in reading]
    session.close()
    assert sizes == [20, 20, 10]
    verdict = reading.verdict
    assert (verdict.complete, verdict.entries, verdict.pages, verdict.code) == (True, 50, 3, None)


def test_an_entry_has_the_attributes_asked_for_by_canonical_name(subject: Subject) -> None:
    session = subject.directory.connect()
    attributes = (subject.surname, "MAIL", subject.id_attribute)
    entries, _ = read(session, people(subject.base_dn, filter="(uid=u000007)", attributes=attributes))
    session.close()
    assert [entry.dn.lower() for entry in entries] == [f"{subject.rdn}=u000007,{subject.people_dn}".lower()]
    assert set(entries[0].attributes) == {"sn", "mail", subject.id_attribute}
    assert entries[0].first("mail") == b"u000007@example.com"


@pytest.mark.parametrize(("scope", "count"), [(Scope.BASE, 1), (Scope.ONE, 50), (Scope.SUB, 51)])
def test_scopes(subject: Subject, scope: Scope, count: int) -> None:
    session = subject.directory.connect()
    entries, verdict = read(session, people(subject.people_dn, filter="(objectClass=*)", scope=scope))
    session.close()
    assert (len(entries), verdict.complete) == (count, True)


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        ("(uid=U00000*)", 10),
        ("(|(uid=u000001)(sn=family2))", 2),
        ("(!(uid=u00000*))", 40),
        ("(uid=u\\30\\30000*)", 10),
        ("(uid=*5)", 5),
        ("(uid=nobody)", 0),
    ],
)
def test_filters(subject: Subject, filter_: str, count: int) -> None:
    session = subject.directory.connect()
    entries, verdict = read(session, people(subject.base_dn, filter=f"(&(objectClass=inetOrgPerson){filter_})"))
    session.close()
    assert (len(entries), verdict.complete) == (count, True)


def test_a_base_that_is_not_there_is_not_an_empty_directory(subject: Subject) -> None:
    session = subject.directory.connect()
    entries, verdict = read(session, people(f"ou=typo,{subject.base_dn}"))
    again, complete = read(session, people(subject.base_dn))
    session.close()
    assert (entries, verdict.complete, verdict.code, verdict.result_code) == ([], False, "no_such_base", 32)
    assert verdict.advice
    # and the session is as good as before
    assert (len(again), complete.complete) == (50, True)


@pytest.mark.parametrize("filter_", ["(uid=a", "uid=a", "(uid=\\zz)", "()", "", "(uid=a)(uid=b)"])
def test_a_bad_filter_is_not_an_empty_directory(subject: Subject, filter_: str) -> None:
    session = subject.directory.connect()
    entries, verdict = read(session, people(subject.base_dn, filter=filter_))
    session.close()
    assert (entries, verdict.complete, verdict.code) == ([], False, "invalid_filter")


def test_the_verdict_before_the_end_is_incomplete(subject: Subject) -> None:
    session = subject.directory.connect()
    reading = session.read(people(subject.base_dn))
    assert (reading.verdict.complete, reading.verdict.code) == (False, "incomplete_read")
    batches = iter(reading)
    assert len(next(batches)) == 20
    assert (reading.verdict.complete, reading.verdict.code, reading.verdict.entries) == (False, "incomplete_read", 20)
    session.close()


def test_a_read_left_early_does_not_disturb_the_next(subject: Subject) -> None:
    session = subject.directory.connect()
    first = session.read(people(subject.base_dn))
    next(iter(first))
    entries, verdict = read(session, people(subject.base_dn))
    session.close()
    assert (len(entries), verdict.complete) == (50, True)
    assert not first.verdict.complete


def test_iterating_again_gives_nothing_more(subject: Subject) -> None:
    session = subject.directory.connect()
    reading = session.read(people(subject.base_dn))
    assert sum(len(batch) for batch in reading) == 50
    assert list(reading) == []
    assert reading.verdict.complete
    session.close()


def test_a_closed_session_reads_nothing_and_says_so(subject: Subject) -> None:
    session = subject.directory.connect()
    session.close()
    session.close()
    entries, verdict = read(session, people(subject.base_dn))
    assert (entries, verdict.complete, verdict.code) == ([], False, "connection_lost")


# ---------------------------------------------------------------- in one piece
def test_a_small_search_comes_in_one_piece(subject: Subject) -> None:
    session = subject.directory.connect()
    base = session.fetch(people(subject.base_dn, filter="(objectClass=*)", scope=Scope.BASE, attributes=("objectClass",)))
    some = session.fetch(people(subject.base_dn, filter="(|(uid=u000001)(uid=u000030)(uid=nobody))", attributes=("uid",)))
    everybody = session.fetch(people(subject.base_dn))
    session.close()
    assert [normalize(entry.dn) for entry in base] == [normalize(subject.base_dn)]
    assert sorted(entry.first("uid") or b"" for entry in some) == [b"u000001", b"u000030"]
    assert [set(entry.attributes) for entry in some] == [{"uid"}, {"uid"}]
    # more than a page, since nothing is paged
    assert len(everybody) == 50


def test_nobody_is_no_error_when_the_base_is_there(subject: Subject) -> None:
    session = subject.directory.connect()
    assert session.fetch(people(subject.base_dn, filter="(uid=nobody)")) == []
    session.close()


def test_a_small_search_at_a_base_that_is_not_there(subject: Subject) -> None:
    session = subject.directory.connect()
    with pytest.raises(NoSuchBaseError) as caught:
        session.fetch(people(f"ou=typo,{subject.base_dn}", filter="(objectClass=*)", scope=Scope.BASE))
    assert caught.value.context["result_code"] == 32
    assert len(session.fetch(people(subject.base_dn))) == 50
    session.close()


def test_a_small_search_with_a_bad_filter(subject: Subject) -> None:
    session = subject.directory.connect()
    with pytest.raises(InvalidFilterError):
        session.fetch(people(subject.base_dn, filter="(uid=a"))
    session.close()


def test_a_small_search_in_the_middle_of_a_read_is_a_mistake_of_the_caller(subject: Subject) -> None:
    session = subject.directory.connect()
    reading = session.read(people(subject.base_dn))
    batches = iter(reading)
    next(batches)
    with pytest.raises(RuntimeError, match="in progress"):
        session.fetch(people(subject.base_dn))
    # the read has not suffered, and the session is free again when it is over
    assert sum(len(batch) for batch in batches) == 30
    assert reading.verdict.complete
    assert len(session.fetch(people(subject.base_dn))) == 50
    session.close()


def test_a_closed_session_fetches_nothing_and_says_so(subject: Subject) -> None:
    session = subject.directory.connect()
    session.close()
    with pytest.raises(ConnectionLostError):
        session.fetch(people(subject.base_dn))


# ---------------------------------------------------------------- servers
def test_a_dead_server_is_passed_over(subject: Subject) -> None:
    session = subject.with_dead_server().connect()
    url = session.server.url
    session.close()
    with pytest.raises(ConnectionRefusedByServerError):
        subject.with_dead_server().connect(skip=[url])


def test_a_wrong_password_is_tried_once(subject: Subject) -> None:
    before = subject.urls_tried()
    with pytest.raises(InvalidCredentialsError):
        subject.with_wrong_password().connect()
    assert subject.urls_tried() == before + 1


def test_nothing_is_left_to_try(subject: Subject) -> None:
    session = subject.directory.connect()
    session.close()
    with pytest.raises(Exception, match="left to try") as caught:
        subject.directory.connect(skip=[session.server.url])
    assert caught.type.__name__ == "DirectoryError"


def test_the_server_says_what_it_is(subject: Subject) -> None:
    session = subject.directory.connect()
    session.close()
    assert session.server.vendor == subject.vendor
    assert session.server.entry_id_attribute == subject.id_attribute
    assert subject.naming_context in session.server.naming_contexts
