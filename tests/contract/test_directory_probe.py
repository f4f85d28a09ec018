"""What a check shows of a server: each step, what it saw, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncd.directory import probe
from syncd.model.checks import CheckLine
from syncd.model.reading import Search
from tests.contract.directories import DEAD, Server, binds, people, settings
from tests.servers.ldap_stub import LdapStub, done, entry, paged
from tests.servers.slapd import Slapd

STEPS = ["name resolution", "connect", "tls", "bind", "server", "paging", "base"]


def lines(server: Server | LdapStub, *searches: Search, clock: Any = None, **changes: Any) -> list[CheckLine]:
    configured = settings(server, **changes)
    return list(probe("corp", configured, configured.urls[0], searches=lambda _: searches, clock=clock))


def statuses(found: Sequence[CheckLine]) -> list[tuple[str, str]]:
    return [(line.name, str(line.status)) for line in found]


def named(found: Sequence[CheckLine], name: str) -> CheckLine:
    return next(line for line in found if line.name == name)


def test_a_server_where_all_is_well(slapd: Slapd) -> None:
    roles = Search(purpose="roles", base_dn=slapd.base_dn, filter="(objectClass=organizationalRole)", attributes=("cn",))
    found = lines(slapd, people(slapd.base_dn), roles, urls=[slapd.ldaps_url], tls={"ca_file": slapd.ca_file})
    assert statuses(found) == [(name, "pass") for name in [*STEPS, "users", "users id", "roles", "roles id"]]
    assert "127.0.0.1" in named(found, "name resolution").text
    assert "trustme" in named(found, "tls").text
    assert "localhost" in named(found, "tls").text
    assert slapd.reader_dn in named(found, "bind").text
    assert "OpenLDAP" in named(found, "server").text
    assert "50 entries match" in named(found, "users").text


def test_without_tls_it_warns(server: Server) -> None:
    found = lines(server, people(server.base_dn))
    assert [line.name for line in found if line.status != "pass"] == ["tls"]
    assert named(found, "tls").status == "warn"


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize(("days", "status"), [(31, "pass"), (29, "warn"), (1, "warn")])
def test_a_certificate_that_expires_soon(server: Server, days: int, status: str) -> None:
    # the session's certificates are good for 365 days
    clock = At(datetime.now(UTC) + timedelta(days=365 - days, hours=-1))
    found = lines(server, clock=clock, tls={"ca_file": server.ca_file, "starttls": True})
    assert named(found, "tls").status == status
    assert (f"{days} days left" in named(found, "tls").text) == (status == "warn")


def test_an_unverified_certificate_warns(server: Server) -> None:
    found = lines(server, urls=[server.ldaps_url], tls={"verify": "none-insecure"})
    assert named(found, "tls").status == "warn"
    assert "NOT verified" in named(found, "tls").text


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        ("name resolution", {"urls": ["ldap://no-such-host.invalid"]}),
        ("connect", {"urls": [DEAD]}),
        ("tls", {"tls": {"starttls": True}}),
        ("bind", {"bind_password": "wrong"}),
        ("bind", {"bind_password": " "}),
    ],
)
def test_what_depends_on_a_failed_step_is_left_out(server: Server, step: str, changes: dict[str, Any]) -> None:
    found = lines(server, people(server.base_dn), **changes)
    assert [line.name for line in found] == STEPS[: STEPS.index(step) + 1]
    assert found[-1].status == "fail"
    assert found[-1].advice
    assert "fail" not in [line.status for line in found[:-1]]


def test_a_missing_base_fails_and_the_others_are_still_tried(server: Server) -> None:
    found = lines(server, people("ou=typo," + server.base_dn), people(server.base_dn, purpose="roles"))
    assert statuses(found)[6:] == [("base", "fail"), ("base", "pass"), ("roles", "pass"), ("roles id", "pass")]
    assert "ou=typo" in found[6].text


def test_a_filter_that_nothing_matches_warns(server: Server) -> None:
    found = lines(server, people(server.base_dn, filter="(objectClass=inetOrgPersn)"))
    assert statuses(found)[7:] == [("users", "warn")]


def test_a_bad_filter_fails(server: Server) -> None:
    assert statuses(lines(server, people(server.base_dn, filter="(uid=")))[7:] == [("users", "fail")]


def test_the_limits_of_the_bind_account(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(limits="size.prtotal=30")
    server.add_people(50)
    found = lines(server, people(server.base_dn))
    assert statuses(found)[7:] == [("users", "fail"), ("users id", "pass")]
    assert "30 entries" in named(found, "users").text
    assert "olcLimits" in named(found, "users").advice


def test_entries_without_an_id(make_slapd: Callable[..., Slapd]) -> None:
    server = make_slapd(acl=["to attrs=entryUUID by * none", "to * by users read by anonymous auth"])
    server.add_people(3)
    found = lines(server, people(server.base_dn))
    assert named(found, "users id").status == "fail"
    assert "entry_id_attribute" in named(found, "users id").advice
    found = lines(server, people(server.base_dn), entry_id_attribute="UID")
    assert named(found, "users id").status == "pass"


def test_a_server_that_says_nothing_and_does_not_page() -> None:
    base = [lambda i: [entry(i, "dc=example,dc=com", {}), done(i, controls=paged(b""))]]
    with LdapStub([*base, lambda i: [done(i, controls=paged(b""))]], root_dse={"supportedControl": [b"1.2.3"]}) as stub:
        found = lines(stub, people("dc=example,dc=com"))
    assert statuses(found)[4:] == [("server", "pass"), ("paging", "fail"), ("base", "pass"), ("users", "warn")]
    with LdapStub(
        [*base, lambda i: [entry(i, "a", {"entryUUID": [b"x"]}), entry(i, "b", {}), done(i, controls=paged(b""))]],
        root_dse={"x": []},
    ) as stub:
        found = lines(stub, people("dc=example,dc=com"))
    assert statuses(found)[4:] == [
        ("server", "warn"),
        ("paging", "warn"),
        ("base", "pass"),
        ("users", "pass"),
        ("users id", "warn"),
    ]


def test_one_bind_per_probe(server: Server) -> None:
    before = binds(server)
    lines(server, people(server.base_dn), bind_password="wrong")
    assert binds(server) == before + 1
