"""For every page k of a read: when the connection is cut in it or right behind it, the verdict is partial and says why."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from syncd.model.reading import Verdict
from tests.contract.directories import directory, people
from tests.faults.proxy import Fault, Proxy, answers, cut, delay, drip, freeze
from tests.servers.slapd import Slapd

PEOPLE, PAGE = 60, 5
PAGES = PEOPLE // PAGE
SEARCH_DONE = 0x65


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), stats=False) as server:
        server.add_people(PEOPLE)
        yield server


@pytest.fixture
def proxy(server: Slapd) -> Iterator[Proxy]:
    with Proxy(server.url) as proxy:
        yield proxy


def read_through(server: Slapd, proxy: Proxy, fault: Fault, *, patience: float = 30) -> tuple[int, Verdict]:
    """How many entries came, and the verdict. `patience`: seconds, little only where nothing comes."""
    proxy.fault = fault
    session = directory(server, urls=[proxy.url], page_size=PAGE, receive_timeout=patience).connect()
    reading = session.read(people(server.base_dn))
    entries = sum(len(batch) for batch in reading)
    session.close()
    return entries, reading.verdict


@pytest.fixture
def ends(server: Slapd, proxy: Proxy) -> list[int]:
    """Where the rootDSE and then each page ends, in bytes from the server."""
    entries, verdict = read_through(server, proxy, Fault())
    assert (entries, verdict.complete, verdict.pages) == (PEOPLE, True, PAGES)
    ends = [end for tag, end in answers(proxy.streams[0]) if tag == SEARCH_DONE]
    assert len(ends) == 1 + PAGES
    return ends


def inside(ends: list[int]) -> Iterator[tuple[int, int]]:
    """Page, and places in it: its first byte, its middle, all but its last byte."""
    for page, (start, end) in enumerate(itertools.pairwise(ends), start=1):
        for at in (start + 1, (start + end) // 2, end - 1):
            yield page, at


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_cut_inside_page_k(server: Slapd, proxy: Proxy, ends: list[int], reset: bool) -> None:
    for page, at in inside(ends):
        entries, verdict = read_through(server, proxy, cut(after=at, reset=reset))
        assert (verdict.complete, verdict.code) == (False, "connection_lost"), f"page {page}, byte {at}"
        assert (verdict.entries, verdict.pages < page) == (entries, True)
        assert entries <= page * PAGE
        assert proxy.url in verdict.reason
        assert verdict.advice


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
def test_a_cut_right_behind_page_k(server: Slapd, proxy: Proxy, ends: list[int], reset: bool) -> None:
    for page, at in enumerate(ends[:-1]):
        entries, verdict = read_through(server, proxy, cut(after=at, reset=reset))
        assert (verdict.complete, verdict.code) == (False, "connection_lost"), f"page {page}"
        assert entries <= page * PAGE


def test_after_the_last_byte_of_the_last_page_nothing_is_missing(server: Slapd, proxy: Proxy, ends: list[int]) -> None:
    entries, verdict = read_through(server, proxy, cut(after=ends[-1]))
    assert (entries, verdict.complete) == (PEOPLE, True)


def test_a_server_that_falls_silent_in_page_k(server: Slapd, proxy: Proxy, ends: list[int]) -> None:
    for page in (1, PAGES // 2, PAGES):
        at = (ends[page - 1] + ends[page]) // 2
        entries, verdict = read_through(server, proxy, freeze(after=at), patience=0.3)
        assert (verdict.complete, verdict.code) == (False, "receive_timeout"), f"page {page}"
        assert entries < page * PAGE


def test_a_slow_line_is_no_fault(server: Slapd, proxy: Proxy, ends: list[int]) -> None:
    for fault in (delay(0.005), drip(0.0002, after=ends[-2])):
        entries, verdict = read_through(server, proxy, fault)
        assert (entries, verdict.complete) == (PEOPLE, True)


def test_a_port_that_opens_again(server: Slapd, proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(Exception, match="refused the connection"):
        read_through(server, proxy, Fault())
    proxy.listen()
    assert read_through(server, proxy, Fault())[0] == PEOPLE
