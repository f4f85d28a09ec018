"""Reading: what comes is what is there, and whatever ends a read before its end is told apart from the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import ldap
import pytest

from syncd.model.attributes import canonical_attribute
from tests.contract.directories import Server, by_dn, directory, people, read, read_once
from tests.servers.slapd import Slapd

# ---------------------------------------------------------------- the same as python-ldap reads
AWKWARD = [
    ("cn=Smith\\, John,{people}", {"sn": "Smith", "cn": "Smith, John"}),
    ('cn=a\\+b\\=c\\\\d\\"e\\;f\\<g\\>,{people}', {"sn": "x", "cn": 'a+b=c\\d"e;f<g>'}),
    ("cn=\\20lead and trail\\20,{people}", {"sn": "x", "cn": " lead and trail "}),
    ("cn=\\#hash,{people}", {"sn": "x", "cn": "#hash"}),
    ("cn=Ζωή Παπαδάκη+uid=zoi,{people}", {"sn": "Παπαδάκη", "cn": "Ζωή Παπαδάκη", "uid": "zoi"}),
    ("cn=李小龍,ou=東京,{people}", {"sn": "李", "cn": "李小龍", "cn;lang-en": "Lee", "cn;lang-ja": "リー"}),
    ("cn=binary,{people}", {"sn": "x", "cn": "binary", "jpegPhoto": bytes(range(256)) * 20, "mail": ["b@x", "a@x", "c@x"]}),
    ("cn=long,{people}", {"sn": "x", "cn": "long", "description": ["y" * 127, "z" * 128, "w" * 70_000]}),
    ("cn=" + "n" * 200 + ",{people}", {"sn": "x", "cn": "n" * 200, "givenName": ["a", "ä", "\u0308"]}),
]


@pytest.fixture
def awkward(make_slapd: Callable[..., Slapd]) -> Slapd:
    server = make_slapd(overlays=("memberof",))
    parent = server.add_ou("people")
    server.add_ou("東京", parent=parent)
    for dn, attributes in AWKWARD:
        server.add(dn.format(people=parent), {"objectClass": "inetOrgPerson"} | attributes)
    server.add(
        f"cn=group,{parent}",
        {"objectClass": "groupOfNames", "cn": "group", "member": [dn.format(people=parent) for dn, _ in AWKWARD]},
    )
    return server


@pytest.mark.parametrize(
    "attributes", [("*",), ("*", "+"), ("surname", "CN", "mail", "memberOf", "entryUUID"), ("2.5.4.3", "jpegPhoto;binary")]
)
def test_entries_are_those_that_python_ldap_reads(awkward: Slapd, attributes: tuple[str, ...]) -> None:
    search = people(awkward.base_dn, filter="(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", attributes=attributes)
    entries, verdict = read_once(awkward, search, page_size=3)
    truth = awkward.search(search.filter, attributes=attributes)
    assert verdict.complete
    wanted = {dn: {canonical_attribute(name): values for name, values in found.items()} for dn, found in truth}
    # the reader may not see password hashes, and there are none
    assert by_dn(entries) == wanted
    assert [found.dn for found in entries] == [dn for dn, _ in truth]
    assert len(entries) == len(AWKWARD) + 1


FILTERS = [
    "(objectClass=*)",
    "(cn=smith, john)",
    "(cn=Smith\\2c John)",
    "(cn=*\\2a*)",
    "(cn=a\\2bb=c\\5cd*)",
    "(cn=李*)",
    "(cn=\\e6\\9d\\8e*)",
    "(cn~=smith, john)",
    "(&(objectClass=inetOrgPerson)(!(mail=*)))",
    "(& (objectClass=inetOrgPerson) (|(mail=a@x)(cn=long)) )",
    "(cn:caseExactMatch:=Smith, John)",
    "(ou:dn:=people)",
    "(cn;lang-en=lee)",
    "(cn>=s)",
    "(cn<=b)",
    "(2.5.4.4=smith)",
    "(noSuchAttribute=x)",
    "(!(noSuchAttribute=x))",
    "(givenName=ä)",
    "(sn=\\78)",
    "(&)",
    "(|)",
    "(&(objectClass=inetOrgPerson)(|)(&))",
    "(!(|))",
    "(cn=)",
    "(:dn:caseIgnoreMatch:=people)",
    "(cn=\\20lead and trail\\20)",
    "(cn=x\\5c)",
    "(cn=\\5C*)",
    "(description=" + "y" * 127 + ")",
    "(&\n  (objectClass=inetOrgPerson)\n  (!\n(cn=l*)\n)\n)",
]


def test_filters_mean_what_they_mean_to_python_ldap(awkward: Slapd) -> None:
    with contextlib.closing(directory(awkward).connect()) as session:
        for filter_ in FILTERS:
            entries, verdict = read(session, people(awkward.base_dn, filter=filter_, attributes=("cn",)))
            # libldap knows no line breaks in a filter
            wanted = {dn for dn, _ in awkward.search(filter_.replace("\n", ""), attributes=["cn"])} - {awkward.reader_dn}
            assert verdict.complete, (filter_, verdict)
            assert {found.dn for found in entries} - {awkward.reader_dn} == wanted, filter_


def test_a_page_size_that_divides_the_number_of_entries(server: Server) -> None:
    for page_size, sizes in ((25, [25, 25]), (50, [50]), (1, [1] * 50), (1000, [50])):
        session = directory(server, page_size=page_size).connect()
        reading = session.read(people(server.base_dn))
        assert [len(batch) for batch in reading] == sizes
        assert reading.verdict.complete
        session.close()


# ---------------------------------------------------------------- limits and rights
@pytest.mark.parametrize("limits", ["size.prtotal=20", "size.soft=20 size.hard=20"])
def test_a_size_limit_is_not_the_end(make_slapd: Callable[..., Slapd], limits: str) -> None:
    server = make_slapd(limits=limits)
    server.add_people(50)
    entries, verdict = read_once(server, page_size=15)
    assert len(entries) == verdict.entries == 20
    assert (verdict.complete, verdict.code, verdict.result_code) == (False, "size_limit_exceeded", 4)
    assert "olcLimits" in verdict.advice
    assert server.url in verdict.reason


def test_paging_forbidden_or_page_too_large(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(limits="size.prtotal=disabled")
    server.add_people(5)
    entries, verdict = read_once(server)
    assert (entries, verdict.complete, verdict.code, verdict.result_code) == ([], False, "admin_limit_exceeded", 11)
    server.set_limits("size.pr=10 size.prtotal=unlimited")
    entries, verdict = read_once(server, page_size=11)
    assert (entries, verdict.complete, verdict.code) == ([], False, "admin_limit_exceeded")
    assert read_once(server, page_size=10)[1].complete


def test_what_the_acl_hides_looks_like_success(make_slapd: Callable[..., Slapd]) -> None:
    """No reader can tell; that is why a plan is judged before it is applied."""
    server = make_slapd(acl=['to dn.regex="^uid=" by * none', "to * by users read by anonymous auth"])
    server.add_people(5)
    entries, verdict = read_once(server)
    assert (entries, verdict.complete, verdict.entries) == ([], True, 0)


def test_a_base_without_rights(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(acl=["to * by anonymous auth by * none"])
    server.add_people(5)
    entries, verdict = read_once(server)
    assert (entries, verdict.complete, verdict.code) == ([], False, "no_such_base")


def test_a_server_that_wants_a_bind(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(config=["olcRequires: authc"])
    entries, verdict = read_once(server, bind="anonymous", bind_dn=None, bind_password=None)
    assert (entries, verdict.complete, verdict.code) == ([], False, "unwilling_to_perform")
    assert "authentication required" in verdict.server_text


# ---------------------------------------------------------------- lost on the way
def test_a_server_that_dies_between_pages(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    # more than what fits into the buffers on the way, so that the last pages are not on this side already
    server.add_people(60)
    for number in range(60):
        server.modify(f"uid=u{number:06},{server.base_dn}", {"jpegPhoto": bytes(200_000)})
    session = directory(server, page_size=5).connect()
    reading = session.read(people(server.base_dn, attributes=("uid", "jpegPhoto")))
    batches = iter(reading)
    count = len(next(batches)) + len(next(batches)) + len(next(batches))
    server.kill()
    count += sum(len(batch) for batch in batches)
    verdict = reading.verdict
    assert (verdict.complete, verdict.code, verdict.entries) == (False, "connection_lost", count)
    assert 15 <= count < 60
    # the rest of the session says the same
    entries, second = read(session, people(server.base_dn))
    assert (entries, second.complete, second.code) == ([], False, "connection_lost")
    session.close()


def test_a_server_that_freezes_between_pages(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    server.add_people(5)
    session = directory(server, receive_timeout=1.5).connect()
    server.pause()
    entries, verdict = read(session, people(server.base_dn))
    assert (entries, verdict.complete, verdict.code) == ([], False, "receive_timeout")
    assert "1.5 s" in verdict.reason
    session.close()
    server.resume()


def test_closing_from_another_thread_ends_a_read_that_waits(make_slapd: Callable[..., Slapd], authority: Any) -> None:
    server = make_slapd(tls=authority)
    for changes in ({}, {"urls": [server.ldaps_url], "tls": {"ca_file": server.ca_file}}):
        session = directory(server, receive_timeout=60, **changes).connect()
        server.pause()
        reading = session.read(people(server.base_dn))
        thread = threading.Thread(target=lambda reading=reading: list(reading))  # type: ignore[misc]
        thread.start()
        wait_until(lambda session=session: session._wire._receiving)  # type: ignore[misc]
        session.close()
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert (reading.verdict.complete, reading.verdict.code) == (False, "connection_lost")
        assert "on this side" in reading.verdict.reason
        server.resume()


def wait_until(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_referral_object_of_slapd(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    server.add_people(3)
    with _Managed(server) as connection:
        connection.add_ext_s(
            f"ou=remote,{server.base_dn}",
            [
                ("objectClass", [b"referral", b"extensibleObject"]),
                ("ou", [b"remote"]),
                ("ref", [b"ldap://192.0.2.1/ou=remote,dc=example,dc=com"]),
            ],
            serverctrls=[ldap.controls.simple.ManageDSAITControl(True)],
        )
    entries, verdict = read_once(server)
    assert (len(entries), verdict.complete, verdict.code) == (3, False, "referral")
    assert len(verdict.references) == 1
    assert "192.0.2.1" in verdict.reason
    # the base itself is the referral: a result of its own
    entries, verdict = read_once(server, people(f"ou=remote,{server.base_dn}"))
    assert (entries, verdict.complete, verdict.code, verdict.result_code) == ([], False, "referral", 10)


class _Managed:
    def __init__(self, server: Slapd) -> None:
        self._connection = ldap.initialize(server.url)
        self._connection.simple_bind_s(server.root_dn, server.root_password)

    def __enter__(self) -> Any:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.unbind_s()
