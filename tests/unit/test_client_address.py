"""Where a request comes from, and what of it is counted."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from syncd.http.clientaddress import client_address, limited_by


def address(peer: str, *forwarded: str, trusted: tuple[str, ...] = ("10.0.0.0/8",)) -> str | None:
    headers = [("X-Forwarded-For", line) for line in forwarded]
    request = make_mocked_request("GET", "/", headers=dict(headers)).clone(remote=peer)
    return client_address(request, trusted_proxies=trusted)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
    ],
)
def test_only_what_trusted_proxies_wrote_counts(peer: str, forwarded: str, expected: str) -> None:
    assert address(peer, forwarded) == expected


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert address("127.0.0.1", "198.51.100.7", trusted=()) == "127.0.0.1"


def test_an_ipv6_host_is_counted_by_its_network() -> None:
    assert limited_by("2001:db8:1:2:3::4") == limited_by("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert limited_by("2001:db8:1:3::1") != limited_by("2001:db8:1:2::1")
    assert limited_by("::ffff:192.0.2.1") == limited_by("192.0.2.1") == "192.0.2.1"
    assert limited_by(None) == ""
