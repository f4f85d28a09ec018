"""Groups whose members come in parts of 1,500: the exact set, or the role keeps the members it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

import pytest

from tests.functional.vendors.site import VendorSite
from tests.servers.ranging import Ranging

LIMIT = 1500


@pytest.fixture
def ranging(slapd_site: VendorSite) -> Iterator[Ranging]:
    """In front of the site's slapd."""
    with Ranging(slapd_site.server.url, limit=LIMIT) as server:
        slapd_site.settings |= {"urls": [server.url], "page_size": 1000}
        yield server


@pytest.fixture
def small(site: VendorSite) -> Iterator[Ranging]:
    """In front of any server, with parts of three values; a group of eight people."""
    with Ranging(site.server.url, limit=3) as server:
        site.settings["urls"] = [server.url]
        people = [site.add_person(f"p{number}") for number in range(8)]
        site.add_group("big", *people)
        site.add_group("team", people[0])
        yield server


def write_group(site: VendorSite, count: int, people: Iterable[int]) -> None:
    """A group `big` with so many members, of whom those with these numbers are people; the rest are nobody."""
    persons = "".join(
        f"dn: uid=u{number:06},{site.people_dn}\nobjectClass: inetOrgPerson\nuid: u{number:06}\ncn: P\nsn: P\n"
        f"mail: u{number:06}@example.com\n\n"
        for number in people
    )
    members = "".join(f"member: uid=u{number:06},{site.people_dn}\n" for number in range(count))
    site.slapd.load(f"{persons}dn: cn=big,{site.groups_dn}\nobjectClass: groupOfNames\ncn: big\n{members}\n")


def holders(site: VendorSite, identifier: str = "big") -> set[str]:
    sql = (
        "SELECT u.username FROM memberships m JOIN role_identifiers i ON i.id = m.role_identifier_id "
        "JOIN users u ON u.id = m.user_id WHERE i.identifier = :i"
    )
    return {row["username"] for row in site.rows(sql, i=identifier)}


# ---------------------------------------------------------------- exact
@pytest.mark.parametrize("count", [1499, 1500, 1501, 5000])
def test_everyone_in_a_large_group_has_its_role(slapd_site: VendorSite, ranging: Ranging, count: int) -> None:
    write_group(slapd_site, count, range(count))
    run = slapd_site.synced()
    assert holders(slapd_site) == {f"u{number:06}" for number in range(count)}
    assert slapd_site.issues() == {}
    assert run.counts is not None
    assert run.counts["members_unresolved"] == 0
    assert len(ranging.asked) <= (ceil(count / LIMIT) + 1 if count > LIMIT else 0)
    before = slapd_site.snapshot()
    slapd_site.synced()
    assert slapd_site.snapshot() == before


def test_a_group_of_a_hundred_thousand_comes_whole(slapd_site: VendorSite, ranging: Ranging) -> None:
    count = 100_000
    # at both ends of the parts
    people = sorted({number for first in range(0, count, LIMIT) for number in (first, min(first + LIMIT, count) - 1)})
    write_group(slapd_site, count, people)
    run = slapd_site.synced()
    assert holders(slapd_site) == {f"u{number:06}" for number in people}
    assert run.counts is not None
    assert run.counts["members_unresolved"] == count - len(people)
    assert len(ranging.asked) <= ceil(count / LIMIT) + 1


def test_parts_on_every_server(site: VendorSite, small: Ranging) -> None:
    site.synced()
    assert holders(site) == {f"p{number}" for number in range(8)}
    assert 0 < len(small.asked) <= 4
    assert site.issues() == {}


@pytest.mark.parametrize("site", ["ds389_site", "samba_site"], indirect=True)
def test_member_of_in_parts(site: VendorSite, small: Ranging) -> None:
    for number in range(5):
        site.add_group(f"more{number}", site.written["p0"])
    site.settings["roles"]["member_attribute"] = "memberOf"
    site.synced()
    assert site.identifiers_of("p0") == {"big", "team", *(f"more{number}" for number in range(5))}
    assert site.identifiers_of("p1") == {"big"}
    # of people alone: no group is in so many others
    assert {name.partition(";")[0].lower() for name in small.asked} == {"memberof"}


def test_an_attribute_of_a_person_in_parts(slapd_site: VendorSite) -> None:
    site = slapd_site
    site.add_person("anna", mail=[f"a{number}@example.com" for number in range(7)])
    site.settings["users"]["attributes"] = {"username": "uid", "email": "mail", "last_name": "sn"}
    with Ranging(site.server.url, limit=3) as server:
        site.settings["urls"] = [server.url]
        site.synced()
        assert len(site.rows("SELECT * FROM user_emails")) + 1 >= 7
        before = site.snapshot()
        server.twist = lambda name, values: (name, values[:-1])
        assert site.sync().outcome == "partial"
    assert [row["code"] for row in site.issues().values()] == ["ranged_values"]
    assert {**site.snapshot(), "issues": [], "audit_events": []} == {**before, "issues": [], "audit_events": []}


# ---------------------------------------------------------------- not exact: the role keeps its members
def short(name: str, values: list[bytes]) -> tuple[str, list[bytes]]:
    return name, values[:-1]


def without_a_range(name: str, values: list[bytes]) -> tuple[str, list[bytes]]:
    return (name if ";range=0-" in name else "description"), values


def repeated(name: str, values: list[bytes]) -> tuple[str, list[bytes]]:
    return "member;range=0-2", values[:3]


def nothing(name: str, values: list[bytes]) -> tuple[str, list[bytes]]:
    return name, values if ";range=0-" in name else []


@pytest.mark.parametrize("twist", [short, without_a_range, repeated, nothing])
def test_a_short_read_fails_the_role_and_keeps_its_members(site: VendorSite, small: Ranging, twist: object) -> None:
    site.settings["roles"]["map"] = {"big": ["clerk"]}
    site.synced()
    small.twist = twist  # type: ignore[assignment]
    site.server.modify(site.written["big"], {"member": [site.written[f"p{number}"] for number in range(1, 8)]})
    run = site.sync()
    assert run.outcome == "partial"
    assert [row["code"] for row in site.issues().values()] == ["ranged_members"]
    assert holders(site) == {f"p{number}" for number in range(8)}
    assert site.roles_of("p0") == {"clerk"}
    small.twist = lambda name, values: (name, values)
    site.synced()
    assert holders(site) == {f"p{number}" for number in range(1, 8)}
    assert site.roles_of("p0") == set()
    assert site.issues() == {}


def test_a_role_that_is_new_waits_for_its_members(site: VendorSite, small: Ranging) -> None:
    small.twist = short
    assert site.sync().outcome == "partial"
    assert holders(site) == set()
    assert holders(site, "team") == {"p0"}
    small.twist = lambda name, values: (name, values)
    site.synced()
    assert holders(site) == {f"p{number}" for number in range(8)}


def test_a_group_that_shrinks_while_it_is_read(site: VendorSite, small: Ranging) -> None:
    def shrink(number: int) -> None:
        if number == 2:
            site.server.modify(site.written["big"], {"member": [site.written["p6"], site.written["p7"]]})

    small.before = shrink
    # what was asked for lies behind the last member now, and the group is small enough to come in one piece
    site.synced()
    assert holders(site) == {"p6", "p7"}
