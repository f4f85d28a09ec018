"""A server that drips or stands still takes no more of a run than its deadline, in whatever it does: the bytes that keep
coming must not start the clock anew."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from syncd.errors import DirectoryError
from syncd.model.reading import Scope
from syncd.services.ports_directory import DirectorySession
from tests.contract.directories import directory, people, read
from tests.faults.proxy import Proxy, answers, drip, freeze
from tests.servers.slapd import Slapd

BIND_ANSWER, ROOT_DSE_ANSWER = 0x61, 0x65
# the deadline of the tests, and how late a busy machine may be: what drips here would take longer, what stands still for ever
DEADLINE, LATEST = 0.8, 10.0


@pytest.fixture
def proxy(slapd: Slapd) -> Iterator[Proxy]:
    with Proxy(slapd.url) as proxy:
        yield proxy


def failure(server: Slapd, proxy: Proxy, **changes: Any) -> DirectoryError:
    """The error that connecting through the proxy raises, in time."""
    started = time.monotonic()
    with pytest.raises(DirectoryError) as caught:
        directory(server, **{"urls": [proxy.url], "connect_timeout": DEADLINE} | changes).connect()
    assert DEADLINE <= time.monotonic() - started < LATEST
    return caught.value


@pytest.mark.parametrize("fault", [drip(0.1), freeze()], ids=["drip", "half-open"])
def test_at_the_bind(slapd: Slapd, proxy: Proxy, fault: Any) -> None:
    proxy.fault = fault
    error = failure(slapd, proxy)
    assert (error.code, error.context["phase"]) == ("connect_timeout", "bind")


@pytest.mark.parametrize("fault", [drip(0.1), freeze(), freeze(after=100)], ids=["drip", "half-open", "in the middle"])
def test_in_the_tls_handshake(slapd: Slapd, fault: Any) -> None:
    with Proxy(slapd.ldaps_url) as proxy:
        proxy.fault = fault
        error = failure(slapd, proxy, tls={"ca_file": slapd.ca_file})
    assert (error.code, error.context["phase"]) == ("connect_timeout", "tls")


@pytest.mark.parametrize("fault", [drip(0.1), freeze()], ids=["drip", "half-open"])
def test_at_starttls(slapd: Slapd, proxy: Proxy, fault: Any) -> None:
    proxy.fault = fault
    error = failure(slapd, proxy, tls={"ca_file": slapd.ca_file, "starttls": True})
    assert (error.code, error.context["phase"]) == ("connect_timeout", "starttls")


@pytest.mark.parametrize("fault", [drip, lambda seconds, after: freeze(after=after)], ids=["drip", "frozen"])
def test_at_the_root_dse(slapd: Slapd, proxy: Proxy, fault: Callable[..., Any]) -> None:
    directory(slapd, urls=[proxy.url]).connect().close()
    after = next(end for tag, end in answers(proxy.streams[0]) if tag == BIND_ANSWER)
    proxy.fault = fault(0.01, after=after)
    error = failure(slapd, proxy, receive_timeout=60)
    assert (error.code, error.context["phase"]) == ("receive_timeout", "read")
    assert "connect_timeout" in error.message


def test_a_name_server_that_does_not_answer(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [answered.wait(10)])
    try:
        with pytest.raises(DirectoryError) as caught:
            directory(slapd, urls=["ldap://slow.example"], connect_timeout=0.1).connect()
    finally:
        answered.set()
    assert (caught.value.code, caught.value.context["phase"]) == ("name_resolution_failed", "name resolution")
    assert "within 0.1 s" in caught.value.message


# ---------------------------------------------------------------- a page
@pytest.fixture
def session(slapd: Slapd, proxy: Proxy) -> Iterator[DirectorySession]:
    session = directory(slapd, urls=[proxy.url], receive_timeout=1, page_timeout=DEADLINE).connect()
    yield session
    session.close()


def test_a_page_that_drips(slapd: Slapd, proxy: Proxy, session: DirectorySession) -> None:
    proxy.fault = drip(0.005)
    started = time.monotonic()
    entries, verdict = read(session, people(slapd.base_dn))
    assert DEADLINE <= time.monotonic() - started < LATEST
    assert (verdict.complete, verdict.code) == (False, "receive_timeout")
    assert f"{DEADLINE:g} s (`page_timeout`)" in verdict.reason
    assert "page_timeout" in verdict.advice
    assert len(entries) < 20


def test_a_page_after_many_quick_ones(slapd: Slapd, proxy: Proxy) -> None:
    """The deadline is each page's own, and what the caller does between two pages is not the server's time."""
    deadline = 2.0
    session = directory(slapd, urls=[proxy.url], receive_timeout=30, page_timeout=deadline).connect()
    reading = session.read(people(slapd.base_dn))
    batches = iter(reading)
    assert len(next(batches)) == 20
    time.sleep(deadline + 0.1)
    assert [len(batch) for batch in batches] == [20, 10]
    assert reading.verdict.complete
    session.close()


def test_a_small_search_that_drips(slapd: Slapd, proxy: Proxy, session: DirectorySession) -> None:
    proxy.fault = drip(0.02)
    with pytest.raises(DirectoryError) as caught:
        session.fetch(people(slapd.base_dn, filter="(objectClass=*)", scope=Scope.BASE, attributes=("objectClass",)))
    assert caught.value.code == "receive_timeout"


def test_silence_is_told_from_dripping(slapd: Slapd, proxy: Proxy) -> None:
    session = directory(slapd, urls=[proxy.url], receive_timeout=0.3).connect()
    proxy.fault = freeze()
    _, verdict = read(session, people(slapd.base_dn))
    session.close()
    assert (verdict.code, "nothing came from the server within 0.3 s" in verdict.reason) == ("receive_timeout", True)


def test_a_server_stopped_between_two_pages(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd()
    server.add_people(50)
    session = directory(server, receive_timeout=2, page_size=10).connect()
    reading = session.read(people(server.base_dn))
    batches = iter(reading)
    next(batches)
    server.pause()
    try:
        started = time.monotonic()
        rest = list(batches)
        assert time.monotonic() - started < LATEST
    finally:
        server.resume()
        session.close()
    assert len(rest) <= 1
    assert (reading.verdict.complete, reading.verdict.code) == (False, "receive_timeout")
