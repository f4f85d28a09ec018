"""Answers that no honest server gives, and those it gives once a year: all told apart from the end of a read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from syncd.model.reading import Verdict
from tests.contract.directories import directory, people, read, read_once
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
    # long enough for what the stub does say
    dns, verdict = stub_read(page("a", cookie=b"1"), answer, receive_timeout=2 if code == "receive_timeout" else 30)
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
        (1, "00002020: Operation unavailable without authentication", "insufficient_access"),
        (1, "", "ldap_error"),
        (2, "Bad search filter", "invalid_filter"),
        (2, "paged results cookie is invalid", "ldap_error"),
        (3, "", "time_limit_exceeded"),
        (4, "", "size_limit_exceeded"),
        (8, "", "stronger_auth_required"),
        (10, "", "referral"),
        (11, "", "admin_limit_exceeded"),
        (12, "", "paging_unsupported"),
        (12, "Bad search filter", "invalid_filter"),
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


def test_389_ds_says_success_for_a_base_that_is_not_there() -> None:
    # seen with 2.3.1: a paged search gets result 0 and no control, an ordinary one 32
    dns, verdict = stub_read(lambda i: [done(i)], lambda i: [done(i, code=32)])
    assert (dns, verdict.complete, verdict.code, verdict.result_code) == ([], False, "no_such_base", 32)
    dns, verdict = stub_read(lambda i: [done(i)], lambda i: [entry(i, "dc=example,dc=com", {}), done(i)])
    assert (dns, verdict.complete, verdict.code) == ([], False, "paging_unsupported")
    dns, verdict = stub_read(lambda i: [done(i)], lambda i: [CLOSE])
    assert (dns, verdict.complete, verdict.code) == ([], False, "connection_lost")


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
