"""R3: an ACL hides one of two subtrees of 20,000 people; the server says success, and the company loses nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.model.hold import Kind
from tests.functional.sync.site import Site
from tests.servers.slapd import Slapd

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

PEOPLE = 20_000
BASE = "dc=example,dc=com"


def company() -> Iterator[str]:
    """Two offices, and two groups: one with people of both, one with people of the second."""
    for name in ("people", "groups"):
        yield f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n"
    for name in ("north", "south"):
        yield f"dn: ou={name},ou=people,{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n"
    for number in range(PEOPLE):
        yield (
            f"dn: {dn(number)}\nobjectClass: inetOrgPerson\nuid: u{number:06}\ncn: Person {number}\nsn: Family{number}\n"
            f"givenName: Given{number}\nmail: u{number:06}@example.com\n\n"
        )
    for name, numbers in (("both", range(0, PEOPLE, 100)), ("southern", range(1, 400, 2))):
        members = "".join(f"member: {dn(number)}\n" for number in numbers)
        yield f"dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n{members}\n"


def dn(number: int) -> str:
    return f"uid=u{number:06},ou={('north', 'south')[number % 2]},ou=people,{BASE}"


@pytest.fixture
def site(tmp_path: Path, sqlite_url: str) -> Iterator[Site]:
    (tmp_path / "company.ldif").write_text("".join(company()))
    with Slapd(tmp_path / "slapd", stats=False) as slapd:
        slapd.load(tmp_path / "company.ldif")
        settings = {
            "page_size": 1000,
            "users": {"base_dn": f"ou=people,{BASE}"},
            "roles": {"base_dn": f"ou=groups,{BASE}", "map": {"southern": ["sales"]}},
        }
        yield Site(slapd, sqlite_url, settings)


def test_half_a_company_that_is_hidden_is_held(site: Site) -> None:
    assert site.synced().counts is not None
    before = site.snapshot()
    site.slapd.set_acl(f'to dn.subtree="ou=south,ou=people,{BASE}" by * none', "to * by users read by anonymous auth")
    run = site.sync()
    assert (run.outcome, run.code, run.entries_read) == ("held", "too_many_removed", PEOPLE // 2 + 2)
    assert site.snapshot() == before, "nothing was removed, and nothing else written"
    plan = site.held_plan()
    found = {objection.kind: objection for objection in plan.objections}
    people = found[Kind.USERS_DISABLED]
    assert (people.count, people.population, people.limit) == (PEOPLE // 2, PEOPLE, 1000)
    assert plan.counts["users_disabled"] == PEOPLE // 2
    assert sum(1 for change in site.held_changes() if (change.kind, change.action) == ("person", "disable")) == PEOPLE // 2
    site.slapd.set_acl("to * by users read by anonymous auth")
    assert site.synced().counts is not None
    assert site.snapshot() == before
