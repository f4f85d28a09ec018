"""Reading: what comes is what is there, and whatever ends a read before its end is told apart from the end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ldap
import pytest

from syncd.model.attributes import canonical_attribute
from syncd.model.reading import Verdict
from tests.contract.directories import by_dn, directory, people, read, read_once
from tests.servers.ldap_stub import (
    CLOSE,
    STALL,
    Handler,
    LdapStub,
    done,
    encode,
    entry,
    message,
    notice_of_disconnection,
    paged,
    reference,
    result,
)
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


def test_a_page_size_that_divides_the_number_of_entries(slapd: Slapd) -> None:
    for page_size, sizes in ((25, [25, 25]), (50, [50]), (1, [1] * 50), (1000, [50])):
        session = directory(slapd, page_size=page_size).connect()
        reading = session.read(people(slapd.base_dn))
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
    session = directory(server, receive_timeout=0.5).connect()
    server.pause()
    entries, verdict = read(session, people(server.base_dn))
    assert (entries, verdict.complete, verdict.code) == ([], False, "receive_timeout")
    assert "0.5 s" in verdict.reason
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
        thread.join(timeout=10)
        assert not thread.is_alive()
        assert (reading.verdict.complete, reading.verdict.code) == (False, "connection_lost")
        assert "on this side" in reading.verdict.reason
        server.resume()


def wait_until(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# ---------------------------------------------------------------- answers no honest server gives
def page(*dns: str, cookie: bytes = b"") -> Handler:
    return lambda i: [*(entry(i, dn, {"uid": [b"x"]}) for dn in dns), done(i, controls=paged(cookie))]


def stub_read(*searches: Handler, **changes: Any) -> tuple[list[str], Verdict]:
    """The DNs and the verdict of reading from a stub with these answers."""
    with LdapStub(searches) as stub:
        entries, verdict = read_once(stub, **changes)
    return [found.dn for found in entries], verdict


def test_the_stub_can_be_read_at_all() -> None:
    dns, verdict = stub_read(page("a", "b", cookie=b"1"), page(cookie=b"2"), page("c"))
    assert (dns, verdict.complete, verdict.pages, verdict.entries) == (["a", "b", "c"], True, 3, 3)


@pytest.mark.parametrize(
    ("answer", "code", "count"),
    [
        # the paging control is missing: perhaps a proxy has cut the rest off
        (lambda i: [entry(i, "b", {}), done(i)], "paging_unsupported", 2),
        # another control in its place
        (lambda i: [done(i, controls=encode(0x30, encode(4, b"1.2.3")))], "paging_unsupported", 1),
        # a paging control without, or with a broken, value
        (lambda i: [done(i, controls=encode(0x30, encode(4, b"1.2.840.113556.1.4.319")))], "malformed_response", 1),
        (
            lambda i: [done(i, controls=encode(0x30, encode(4, b"1.2.840.113556.1.4.319"), encode(4, b"\x30\x05\x02")))],
            "malformed_response",
            1,
        ),
        # the connection ends: between messages, within one, with a notice
        (lambda i: [entry(i, "b", {}), CLOSE], "connection_lost", 2),
        (lambda i: [entry(i, "b", {}), entry(i, "c", {"cn": [b"x" * 500]})[:100], CLOSE], "connection_lost", 2),
        (lambda i: [entry(i, "b", {}), notice_of_disconnection()], "connection_lost", 2),
        (lambda i: [CLOSE], "connection_lost", 1),
        # silence
        (lambda i: [entry(i, "b", {}), STALL], "receive_timeout", 2),
        (lambda i: [entry(i, "b", {}), entry(i, "c", {})[:5], STALL], "receive_timeout", 2),
        # not LDAP
        (lambda i: [entry(i, "b", {}), b"HTTP/1.1 500 Oops\r\n\r\n"], "malformed_response", 2),
        (lambda i: [entry(i, "b", {}), b"\x30\x84\x7f\xff\xff\xff" + bytes(20)], "malformed_response", 2),
        (lambda i: [message(i, encode(0x65, b"\x0a\x01\x00"))], "malformed_response", 1),
        (lambda i: [message(i, encode(0x65, b""))], "malformed_response", 1),
        # LDAP, but not an answer to this
        (lambda i: [result(i, 0x61)], "malformed_response", 1),
        (lambda i: [done(i + 5, controls=paged(b""))], "malformed_response", 1),
        (lambda i: [message(0, encode(0x65, b"\x0a\x01\x00"))], "malformed_response", 1),
    ],
)
def test_a_second_page_that_is_not_as_it_must_be(answer: Handler, code: str, count: int) -> None:
    dns, verdict = stub_read(page("a", cookie=b"1"), answer, receive_timeout=0.5)
    assert dns == ["a", "b"][:count]
    assert (verdict.complete, verdict.code, verdict.entries) == (False, code, count)
    assert verdict.reason.startswith("ldap://127.0.0.1:")
    assert verdict.advice


@pytest.mark.parametrize(
    ("result_code", "text", "code"),
    [
        (
            1,
            "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed",
            "insufficient_access",
        ),
        (1, "", "ldap_error"),
        (2, "Bad search filter", "invalid_filter"),
        (2, "paged results cookie is invalid", "ldap_error"),
        (3, "", "time_limit_exceeded"),
        (4, "", "size_limit_exceeded"),
        (8, "", "stronger_auth_required"),
        (10, "", "referral"),
        (11, "", "admin_limit_exceeded"),
        (12, "", "paging_unsupported"),
        (32, "", "no_such_base"),
        (34, "", "no_such_base"),
        (50, "", "insufficient_access"),
        (51, "", "server_busy"),
        (52, "", "server_unavailable"),
        (53, "too many simple paged searches", "unwilling_to_perform"),
        (80, "out of\nluck", "ldap_error"),
        (4096, "", "ldap_error"),
    ],
)
def test_every_result_but_success_is_incomplete(result_code: int, text: str, code: str) -> None:
    for searches, count in (
        ([lambda i: [entry(i, "a", {}), done(i, code=result_code, text=text)]], 1),
        # also when the control says there is nothing more
        ([page("a", cookie=b"1"), lambda i: [entry(i, "b", {}), done(i, code=result_code, text=text, controls=paged(b""))]], 2),
    ):
        dns, verdict = stub_read(*searches)
        assert (len(dns), verdict.entries) == (count, count)
        assert (verdict.complete, verdict.code, verdict.result_code) == (False, code, result_code)
        assert verdict.server_text == " ".join(text.split())
        assert "\n" not in verdict.reason


def test_a_notice_of_disconnection_says_why() -> None:
    _, verdict = stub_read(lambda i: [notice_of_disconnection(52, "maintenance window")])
    assert (verdict.code, verdict.result_code, verdict.server_text) == ("connection_lost", 52, "maintenance window")
    assert "maintenance window" in verdict.reason


def test_unknown_notifications_and_intermediate_responses_are_passed_over() -> None:
    unknown = result(0, 0x78, more=encode(0x8A, b"1.3.6.1.4.1.99999.1"))
    dns, verdict = stub_read(lambda i: [unknown, message(i, encode(0x79, encode(0x80, b"1.2.3"))), *page("a")(i)])
    assert (dns, verdict.complete) == (["a"], True)


def test_pages_without_end() -> None:
    with LdapStub([page(cookie=b"same")] * 1100) as stub:
        entries, verdict = read_once(stub)
    assert (entries, verdict.complete, verdict.code) == ([], False, "malformed_response")


def test_a_page_larger_than_asked_for_is_taken() -> None:
    dns, verdict = stub_read(page(*(f"cn={number}" for number in range(100))), page_size=5)
    assert (len(dns), verdict.complete) == (100, True)


# ---------------------------------------------------------------- references
@pytest.mark.parametrize(
    ("urls", "complete"),
    [
        (["ldap://forestdnszones.example.com/DC=ForestDnsZones,DC=example,DC=com"], True),
        (["ldap://x/DC=DomainDnsZones,DC=example,DC=com", "ldap://x/CN=Configuration,DC=example,DC=com"], True),
        # another naming context of the server
        (["ldap://other/dc=partner,dc=org??sub"], True),
        # a part of what was searched
        (["ldap://other.example.com/ou=sales,dc=example,dc=com"], False),
        (["ldap://child.example.com/DC=child,DC=example,DC=com"], False),
        # the base itself, or what is above it
        (["ldap://other.example.com/dc=EXAMPLE,dc=com"], False),
        (["ldap://other.example.com/dc=com"], False),
        # a place that is unknown, or no place at all
        (["ldap://other.example.com/dc=elsewhere,dc=org"], False),
        (["ldap://other.example.com/"], False),
        (["ldap://[broken/dc=x"], False),
        (["ldap://x/not%20a%20dn"], False),
        ([""], False),
    ],
)
def test_references_are_recorded_and_never_followed(urls: list[str], complete: bool) -> None:
    root_dse = {"namingContexts": [b"dc=example,dc=com", b"dc=partner,dc=org"]}
    answer: Handler = lambda i: [entry(i, "a", {}), *(reference(i, url) for url in urls), *page("b")(i)]  # noqa: E731
    with LdapStub([answer], root_dse=root_dse) as stub:
        entries, verdict = read_once(stub)
    assert [found.dn for found in entries] == ["a", "b"]
    assert verdict.references == tuple(urls)
    assert (verdict.complete, verdict.code, verdict.entries) == (complete, None if complete else "referral", 2)


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


# ---------------------------------------------------------------- left early
def test_what_still_comes_of_an_abandoned_page_is_dropped() -> None:
    def second(i: int) -> Iterator[bytes]:
        yield from (entry(i, f"stale{number}", {}) for number in range(50))
        yield done(i, controls=paged(b"2"))

    with LdapStub([page("a", cookie=b"1"), second, page("fresh")]) as stub:
        session = directory(stub).connect()
        first = session.read(people("dc=example,dc=com"))
        assert [found.dn for found in next(iter(first))] == ["a"]
        entries, verdict = read(session, people("dc=example,dc=com"))
        session.close()
    assert [found.dn for found in entries] == ["fresh"]
    assert verdict.complete
    assert not first.verdict.complete
    assert 0x50 in stub.requests


def test_the_next_page_is_asked_for_before_this_one_is_handed_out() -> None:
    asked = threading.Event()

    def second(i: int) -> Iterator[bytes]:
        asked.set()
        yield from page("b")(i)

    with LdapStub([page("a", cookie=b"1"), second]) as stub:
        session = directory(stub).connect()
        batches = iter(session.read(people("dc=example,dc=com")))
        next(batches)
        assert asked.wait(10)
        assert [found.dn for found in next(batches)] == ["b"]
        session.close()
