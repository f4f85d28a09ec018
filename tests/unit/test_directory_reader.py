"""The verdict of a paged read, request by request: what is asked for, and what each wrong answer is called."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.directory.messages import PAGED_RESULTS, Result, encode_search, paged_results
from syncd.directory.reader import PagedReading
from syncd.errors import ConnectionLostError
from syncd.model.entry import Entry
from syncd.model.reading import Scope, Search, ServerInfo, Verdict
from tests.servers.ldap_stub import OCTET_STRING, SEQUENCE, encode, encode_integer

URL = "ldap://h"
SEARCH = Search(purpose="users", base_dn="dc=x", filter="(uid=*)", scope=Scope.ONE, attributes=("cn",))
SERVER = ServerInfo(url=URL, vendor="generic", naming_contexts=("dc=x", "dc=z"))


class Script:
    """A wire whose answers are written down: (number of entries, references, result) for each request, or an error."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.sent: list[tuple[bytes, bytes]] = []
        self.abandoned: list[int] = []

    def send(self, operation: bytes, controls: bytes = b"") -> int:
        if isinstance(self.answers[len(self.sent)], ConnectionLostError):
            raise self.answers[len(self.sent)]
        self.sent.append((operation, controls))
        return len(self.sent)

    def collect(self, message_id: int, *, entries: list[Entry], references: list[tuple[str, ...]]) -> Result:
        count, found, result = self.answers[message_id - 1]
        entries += [Entry(f"uid={n}", {}) for n in range(count)]
        references += found
        return result

    def abandon(self, message_id: int) -> None:
        self.abandoned.append(message_id)


def page(
    count: int = 1, *, cookie: bytes = b"", references: tuple[tuple[str, ...], ...] = (), code: int = 0, text: str = ""
) -> Any:
    value = encode(SEQUENCE, encode_integer(0), encode(OCTET_STRING, cookie))
    return count, references, Result(code=code, text=text, controls={PAGED_RESULTS: value})


def bare(count: int = 1, *, code: int = 0, text: str = "", controls: dict[str, bytes | None] | None = None) -> Any:
    return count, (), Result(code=code, text=text, controls=controls or {})


def read(*answers: Any) -> tuple[Verdict, Script]:
    script = Script(list(answers))
    wire: Any = script
    reading = PagedReading(wire, SEARCH, server=SERVER, page_size=7)
    assert sum(map(len, reading)) == reading.verdict.entries
    return reading.verdict, script


def test_each_page_is_asked_for_with_the_cookie_of_the_last() -> None:
    verdict, script = read(page(2, cookie=b"c1"), page(0, cookie=b"c2"), page(3))
    assert verdict == Verdict(complete=True, entries=5, pages=3)
    request = encode_search(SEARCH)
    assert script.sent == [(request, paged_results(7, cookie)) for cookie in (b"", b"c1", b"c2")]
    assert script.abandoned == []


def test_before_the_end_a_read_is_incomplete() -> None:
    wire: Any = Script([page(cookie=b"c"), page()])
    reading = PagedReading(wire, SEARCH, server=SERVER, page_size=7)
    assert (reading.verdict.complete, reading.verdict.code) == (False, "incomplete_read")
    assert reading.verdict.reason == "ldap://h: read: the search for users was not read to its end."
    next(iter(reading))
    assert not reading.verdict.complete
    reading.close()
    assert not reading.verdict.complete
    assert wire.abandoned == [2]


def test_what_cannot_be_asked_for_is_no_complete_read() -> None:
    verdict, _ = read(ConnectionLostError("gone"))
    assert (verdict.complete, verdict.reason, verdict.pages) == (False, "gone", 0)
    verdict, _ = read(page(cookie=b"c"), ConnectionLostError("gone"))
    assert (verdict.complete, verdict.reason, verdict.pages, verdict.entries) == (False, "gone", 1, 1)


@pytest.mark.parametrize(
    ("code", "name"), [(3, "time_limit_exceeded"), (4, "size_limit_exceeded"), (11, "admin_limit_exceeded")]
)
def test_a_result_other_than_success_is_said_with_server_and_search(code: int, name: str) -> None:
    verdict, _ = read(page(cookie=b"c"), page(code=code, text="sorry"))
    assert (verdict.complete, verdict.code, verdict.result_code, verdict.server_text) == (False, name, code, "sorry")
    assert verdict.reason is not None
    assert verdict.reason.startswith("ldap://h: read: the search for users ended with")


def test_a_paging_control_that_cannot_be_read_is_a_malformed_answer() -> None:
    for value in (None, b"", b"\x30\x03\x02\x01"):
        verdict, script = read(bare(controls={PAGED_RESULTS: value}))
        assert (verdict.complete, verdict.code) == (False, "malformed_response")
        assert verdict.reason is not None
        assert verdict.reason.startswith("ldap://h: read: ")
        assert "None" not in verdict.reason
        assert len(script.sent) == 1


def test_without_a_paging_control_an_answer_may_be_cut_off() -> None:
    verdict, script = read(bare())
    assert (verdict.complete, verdict.code, len(script.sent)) == (False, "paging_unsupported", 1)
    assert verdict.reason == "ldap://h: read: the search for users came back without the paging control, so it may be cut off."
    verdict, script = read(page(cookie=b"c"), bare(0))
    assert (verdict.code, len(script.sent)) == ("paging_unsupported", 2)


def test_when_nothing_came_at_all_the_base_is_asked_for() -> None:
    """389-ds answers success for a base that is not there."""
    verdict, script = read(bare(0), bare(0, code=32, text="no"))
    assert (verdict.complete, verdict.code, verdict.result_code, verdict.server_text) == (False, "no_such_base", 32, "no")
    assert verdict.reason is not None
    assert verdict.reason.startswith("ldap://h: read: the search for users ended with")
    base = Search(purpose="users", base_dn="dc=x", filter="(objectClass=*)", scope=Scope.BASE, attributes=("1.1",))
    assert script.sent[1] == (encode_search(base), b"")
    verdict, _ = read(bare(0), (1, (("ldap://other/ou=a,dc=x",),), Result(code=0, controls={})))
    assert (verdict.code, verdict.references) == ("paging_unsupported", ())


def test_parts_on_other_servers_are_named_three_at_most() -> None:
    urls = [(f"ldap://h{n}/ou={n},dc=x",) for n in range(4)]
    verdict, _ = read(page(references=tuple(urls)))
    assert (verdict.complete, verdict.code, verdict.entries) == (False, "referral", 1)
    assert verdict.reason == (
        "ldap://h: read: 4 part(s) of the search for users are on other servers: "
        "ldap://h0/ou=0,dc=x, ldap://h1/ou=1,dc=x, ldap://h2/ou=2,dc=x."
    )
    advice = "References are never followed: narrow the search base, or make those servers directories of their own."
    assert verdict.advice == advice
    assert verdict.references == tuple(url for (url,) in urls)
    assert read(page(references=(("ldap://other/dc=z",),)))[0].complete


def test_a_thousand_pages_without_entries_pass_and_one_more_does_not() -> None:
    empty = [page(0, cookie=b"c")] * 1000
    assert read(*empty, page(1))[0].complete
    assert read(*empty, page(1, cookie=b"c"), *empty, page(1))[0].complete
    verdict, script = read(*empty, page(0, cookie=b"c"), page(1))
    assert (verdict.complete, verdict.code) == (False, "malformed_response")
    assert verdict.reason is not None
    assert "1001 pages without entries one after another" in verdict.reason
    assert script.abandoned == [1002]
