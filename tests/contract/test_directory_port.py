"""What every directory promises, kept by the real adapter on a real slapd and by the fake that other tests rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from syncd.errors import ConnectionRefusedByServerError, InvalidCredentialsError
from syncd.model.reading import Scope
from syncd.services.ports import Directory
from tests.contract.directories import directory, people, read
from tests.fakes.directory import FakeDirectory
from tests.servers.slapd import Slapd, free_port


@dataclass
class Subject:
    """A directory of fifty people, pages of twenty; and how to get others of its kind."""

    directory: Directory
    base_dn: str
    # a directory whose first server is dead, and one whose password is wrong
    with_dead_server: Callable[[], Directory]
    with_wrong_password: Callable[[], Directory]
    urls_tried: Callable[[], int]


@pytest.fixture(params=["slapd", "fake"])
def subject(request: pytest.FixtureRequest) -> Subject:
    if request.param == "fake":
        return _fake()
    return _real(request.getfixturevalue("slapd"))


def _real(server: Slapd) -> Subject:
    dead = f"ldap://127.0.0.1:{free_port()}"

    def make(**changes: Any) -> Directory:
        return directory(server, **changes)

    return Subject(
        directory=make(),
        base_dn=server.base_dn,
        with_dead_server=lambda: make(urls=[dead, server.url]),
        with_wrong_password=lambda: make(urls=[server.url, server.url + "/"], bind_password="wrong"),
        # logged before the answer is sent
        urls_tried=lambda: len(server.log_lines(f'BIND dn="{server.reader_dn}" method=128')),
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
    entries, _ = read(session, people(subject.base_dn, filter="(uid=u000007)", attributes=("surname", "MAIL", "entryUUID")))
    session.close()
    assert [entry.dn for entry in entries] == [f"uid=u000007,ou=people,{subject.base_dn}"]
    assert set(entries[0].attributes) == {"sn", "mail", "entryuuid"}
    assert entries[0].first("mail") == b"u000007@example.com"


@pytest.mark.parametrize(("scope", "count"), [(Scope.BASE, 1), (Scope.ONE, 50), (Scope.SUB, 51)])
def test_scopes(subject: Subject, scope: Scope, count: int) -> None:
    session = subject.directory.connect()
    base = f"ou=people,{subject.base_dn}"
    entries, verdict = read(session, people(base, filter="(objectClass=*)", scope=scope))
    session.close()
    assert (len(entries), verdict.complete) == (count, True)


@pytest.mark.parametrize(
    ("filter_", "count"),
    [
        ("(uid=U00000*)", 10),
        ("(&(objectClass=inetOrgPerson)(|(uid=u000001)(sn=family2)))", 2),
        ("(&(objectClass=inetOrgPerson)(!(uid=u00000*)))", 40),
        ("(uid=u\\30\\30000*)", 10),
        ("(uid=*5)", 5),
        ("(uid=nobody)", 0),
    ],
)
def test_filters(subject: Subject, filter_: str, count: int) -> None:
    session = subject.directory.connect()
    entries, verdict = read(session, people(subject.base_dn, filter=filter_))
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
    assert session.server.vendor == "openldap"
    assert session.server.entry_id_attribute == "entryuuid"
    assert session.server.naming_contexts == (subject.base_dn,)
