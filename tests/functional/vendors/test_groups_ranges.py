"""Groups whose members come in parts of 1,500: the exact set, or the role keeps the members it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

import pytest

from syncd.bootstrap import open_explain
from syncd.model.explanation import Outlook
from tests.functional.vendors.site import VendorSite
from tests.servers.ranging import Ranging

# long already where nobody else is at work
pytestmark = pytest.mark.timeout(300)

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


def explained(site: VendorSite, who: str) -> tuple[list[str], Outlook]:
    """The role identifiers somebody would have, and what a sync would change."""
    with site.runtime() as runtime:
        (directory,) = open_explain(runtime).explain(who).directories
    (sighting,) = directory.sightings
    assert sighting.entry is not None
    assert sighting.outlook is not None
    return [role.identifier for role in sighting.entry.roles], sighting.outlook


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


@pytest.mark.parametrize(
    ("site", "twist"),
    [
        *(("slapd_site", twist) for twist in (short, without_a_range, repeated, nothing)),
        ("ds389_site", short),
        ("samba_site", short),
    ],
    indirect=["site"],
)
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


def test_one_role_that_stays_as_it_was_holds_no_other_back(site: VendorSite, small: Ranging) -> None:
    site.add_group("outer", site.written["big"], site.written["p1"])
    site.add_group("gone", site.written["p2"])
    site.settings["roles"]["map"] = {"big": ["clerk"], "outer": ["boss"], "team": ["agent"], "gone": ["agent"]}
    site.synced()
    everyone = {f"p{number}" for number in range(8)}
    assert (holders(site), holders(site, "outer"), holders(site, "team")) == (everyone, everyone, {"p0"})
    small.twist = short
    site.server.modify(site.written["big"], {"member": [site.written[f"p{number}"] for number in range(1, 8)]})
    site.server.modify(site.written["team"], {"member": site.written["p3"]})
    site.server.delete(site.written["gone"])
    for _ in range(2):
        assert site.sync().outcome == "partial"
        # who is in `outer` by way of `big` is as unknown
        assert (holders(site), holders(site, "outer"), holders(site, "team")) == (everyone, everyone, {"p3"})
        assert (site.roles_of("p0"), site.roles_of("p2")) == ({"clerk", "boss"}, {"clerk", "boss"})
        assert site.roles_of("p3") == {"clerk", "boss", "agent"}
        assert holders(site, "gone") == set()
    small.twist = lambda name, values: (name, values)
    site.synced()
    assert (holders(site), holders(site, "outer")) == (everyone - {"p0"}, everyone - {"p0"})


@pytest.mark.parametrize("site", ["ds389_site", "samba_site"], indirect=True)
def test_who_shows_only_a_part_of_their_groups_keeps_them_and_nobody_else(site: VendorSite, small: Ranging) -> None:
    for number in range(5):
        site.add_group(f"more{number}", site.written["p0"], site.written["p1"])
    site.settings["roles"] |= {"member_attribute": "memberOf", "map": {"more0": ["clerk"]}}
    site.synced()
    assert site.roles_of("p0") == site.roles_of("p1") == {"clerk"}
    before = site.identifiers_of("p0")
    small.twist = short
    # p1 is in few enough for one answer then
    for number in range(5):
        site.server.modify(site.written[f"more{number}"], {"member": site.written["p2" if number < 2 else "p0"]})
    run = site.sync()
    assert run.outcome == "partial"
    assert [row["code"] for row in site.issues().values()] == ["ranged_members"]
    assert (site.identifiers_of("p0"), site.roles_of("p0")) == (before, {"clerk"})
    assert (site.identifiers_of("p1"), site.roles_of("p1")) == ({"big"}, set())
    assert site.roles_of("p2") == {"clerk"}


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


# ---------------------------------------------------------------- explained
def test_explain_reads_the_parts_as_a_run_does(slapd_site: VendorSite) -> None:
    site = slapd_site
    people = [site.add_person(f"p{number}") for number in range(8)]
    site.add_group("big", *people)
    site.add_group("team", people[7])
    site.settings["roles"]["map"] = {"big": ["clerk"], "team": ["agent"]}
    with Ranging(site.server.url, limit=3) as server:
        site.settings["urls"] = [server.url]
        site.synced()
        roles, outlook = explained(site, "p7")
        assert (roles, outlook.summary) == (["big", "team"], "nothing")
        server.twist = short
        site.server.modify(site.written["big"], {"member": people[:7]})
        site.server.modify(site.written["team"], {"member": people[0]})
        # `big` cannot be denied, `team` is lost
        roles, outlook = explained(site, "p7")
        assert roles == []
        assert [(row.kind, row.action, row.before) for row in outlook.changes if row.kind == "grant"] == [
            ("grant", "remove", "agent")
        ]
        assert site.sync().outcome == "partial"
        assert site.roles_of("p7") == {"clerk"}
