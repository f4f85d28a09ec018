"""Where feeds search: few searches, and none of the site's left out."""

from __future__ import annotations

import pytest

from syncd.directory.ber import BerError
from syncd.directory.feeds.ad_controls import parse_dirsync
from syncd.directory.feeds.paged import Area, areas, contexts
from syncd.errors import CursorRefusedError
from syncd.model.reading import Scope, Search, ServerInfo


def search(purpose: str, base: str, scope: Scope = Scope.SUB) -> Search:
    return Search(purpose=purpose, base_dn=base, filter="(cn=*)", scope=scope, attributes=("cn",))


def area(purpose: str, base: str, scope: Scope = Scope.SUB) -> Area:
    return Area(base_dn=base, scope=scope, purpose=purpose)


@pytest.mark.parametrize(
    ("searches", "expected"),
    [
        ([search("users", "dc=x"), search("roles", "DC=X"), search("units", "ou=a,dc=x")], [area("", "dc=x")]),
        ([search("units", "ou=b, ou=a,dc=x"), search("users", "ou=a,dc=x")], [area("", "ou=a,dc=x")]),
        (
            [search("users", "ou=a,dc=x"), search("roles", "ou=b,dc=x")],
            [area("users", "ou=a,dc=x"), area("roles", "ou=b,dc=x")],
        ),
        (
            [search("users", "ou=aa,dc=x"), search("roles", "ou=a,dc=x")],
            [area("roles", "ou=a,dc=x"), area("users", "ou=aa,dc=x")],
        ),
        ([search("users", "dc=x", Scope.ONE), search("roles", "dc=x")], [area("", "dc=x")]),
        (
            [search("users", "dc=x", Scope.ONE), search("roles", "ou=a,dc=x", Scope.ONE)],
            [area("users", "dc=x", Scope.ONE), area("roles", "ou=a,dc=x", Scope.ONE)],
        ),
        ([search("users", "dc=x", Scope.ONE), search("roles", "dc=x", Scope.ONE)], [area("", "dc=x", Scope.ONE)]),
    ],
)
def test_the_fewest_areas(searches: list[Search], expected: list[Area]) -> None:
    assert areas(searches) == expected


def test_the_nearest_naming_context() -> None:
    server = ServerInfo(
        url="ldap://x", vendor="active_directory", naming_contexts=("DC=x", "DC=sub,DC=x", "CN=Configuration,DC=x")
    )
    found = contexts(
        [search("users", "ou=a,dc=sub,dc=x"), search("roles", "dc=Sub,dc=x"), search("units", "ou=b,dc=x")], server=server
    )
    assert found == ["DC=sub,DC=x", "DC=x"]
    with pytest.raises(CursorRefusedError, match="naming context"):
        contexts([search("users", "dc=y")], server=server)


@pytest.mark.parametrize(
    "value", [b"", b"\x30", b"\x30\x00", b"\x04\x00", b"\x30\x80", b"\x30\x09\x02\x01\x00\x02\x01\x00\x04\x05a"]
)
def test_a_dirsync_value_that_is_none(value: bytes) -> None:
    with pytest.raises((BerError, IndexError)):
        parse_dirsync(value)
