"""Runs that follow changes: what a feed names is read and nothing else, and whatever speaks against that reads everything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from syncd.model.run import Mode, Run
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

MAP = {"crew": ["employee"], "admins": ["administrator"]}


@pytest.fixture
def followed(make_site: SiteFactory) -> Site:
    """A site of eight people and two groups whose changes are followed by syncrepl, after its first run."""
    site = make_site({"feed": "syncrepl", "roles": {"map": MAP}}, overlays=("syncprov",))
    people = [site.add_person(f"p{number}") for number in range(8)]
    site.add_group("crew", *people[:3])
    site.add_group("admins", people[0])
    run = site.synced(Mode.CHANGES)
    assert (run.feed, run.entries_read) == ("full", 10)
    assert "no cursor" in (run.feed_reason or "")
    return site


def changed(site: Site, *, reads: int | None = None) -> Run:
    """A run for changes that followed the feed."""
    run = site.synced(Mode.CHANGES)
    assert run.feed == "syncrepl", f"{run.feed}: {run.feed_reason}"
    if reads is not None:
        assert run.entries_read == reads
    return run


def cursor(site: Site) -> dict[str, Any]:
    (row,) = site.rows("SELECT feed, cursor, cursor_version FROM directories")
    return {**row, "cursor": json.loads(row["cursor"]) if isinstance(row["cursor"], str) else row["cursor"]}


def test_nothing_changed_writes_nothing(followed: Site) -> None:
    before = followed.snapshot()
    for _ in range(3):
        changed(followed, reads=0)
    assert followed.snapshot() == before


def test_a_clock_that_goes_on_writes_nothing(make_site: SiteFactory) -> None:
    site = make_site({"feed": "timestamp"})
    for number in range(3):
        site.add_person(f"p{number}")
    site.synced()
    before = site.snapshot()
    assert site.synced(Mode.CHANGES).feed == "timestamp"
    assert site.synced(Mode.SWEEP).feed == "sweep"
    assert site.snapshot() == before


def test_a_modified_person_is_read_alone(followed: Site) -> None:
    followed.slapd.modify(f"uid=p5,{followed.people_dn}", {"sn": "Newname"})
    run = changed(followed, reads=1)
    assert run.counts is not None
    assert run.counts["users_updated"] == 1
    assert followed.people()["p5"]["last_name"] == "Newname"
    assert followed.roles_of("p0") == {"employee", "administrator"}
    changed(followed, reads=0)


def test_people_come_and_go(followed: Site) -> None:
    followed.add_person("fresh")
    followed.slapd.delete(f"uid=p7,{followed.people_dn}")
    changed(followed)
    assert "fresh" in followed.present()
    assert "p7" not in followed.present()
    followed.add_person("p7")
    changed(followed)
    assert "p7" in {row["username"] for row in followed.rows("SELECT username FROM users")}


def test_whoever_leaves_the_filter_is_gone(make_site: SiteFactory) -> None:
    settings = {"feed": "syncrepl", "users": {"filter": "(&(objectClass=inetOrgPerson)(employeeType=staff))"}}
    site = make_site(settings, overlays=("syncprov",))
    for number in range(4):
        site.add_person(f"p{number}", employeeType="staff")
    site.synced()
    site.slapd.modify(f"uid=p1,{site.people_dn}", {"employeeType": "guest"})
    changed(site)
    assert site.present() == {"p0", "p2", "p3"}
    site.slapd.modify(f"uid=p1,{site.people_dn}", {"employeeType": "staff"})
    changed(site)
    assert site.present() == {"p0", "p1", "p2", "p3"}


def test_a_changed_group_gives_and_takes_roles(followed: Site) -> None:
    group = f"cn=crew,{followed.groups_dn}"
    followed.slapd.modify(group, {"member": [f"uid=p{number},{followed.people_dn}" for number in (1, 2, 4)]})
    changed(followed)
    assert followed.roles_of("p0") == {"administrator"}
    assert followed.roles_of("p4") == {"employee"}


def test_a_member_who_was_nobody_gets_the_role_when_they_come(followed: Site) -> None:
    late = f"uid=late,{followed.people_dn}"
    followed.slapd.modify(f"cn=crew,{followed.groups_dn}", {"member": [late, f"uid=p1,{followed.people_dn}"]})
    changed(followed)
    assert followed.roles_of("p1") == {"employee"}
    followed.add_person("late")
    changed(followed)
    assert followed.roles_of("late") == {"employee"}


def test_a_renamed_person_keeps_what_they_are(followed: Site) -> None:
    before = followed.people()["p1"]
    followed.slapd.rename(f"uid=p1,{followed.people_dn}", "uid=renamed")
    members = [f"uid={name},{followed.people_dn}" for name in ("p0", "renamed", "p2")]
    followed.slapd.modify(f"cn=crew,{followed.groups_dn}", {"member": members})
    changed(followed)
    after = followed.people()["renamed"]
    assert (after["id"], after["entry_id"]) == (before["id"], before["entry_id"])
    assert after["dn"] == f"uid=renamed,{followed.people_dn}"
    assert followed.roles_of("renamed") == {"employee"}
    assert [row["dn"] for row in followed.rows("SELECT dn FROM dn_history")] == [before["dn"]]


def test_a_renamed_unit_moves_everybody_below_it_at_once(make_site: SiteFactory) -> None:
    site = make_site({"feed": "syncrepl"}, overlays=("syncprov",))
    east = site.slapd.add_ou("east", parent=site.people_dn)
    for number in range(5):
        site.add_person(f"p{number}", parent=east)
    site.synced()
    before = site.people()
    site.slapd.rename(east, "ou=west")
    run = changed(site)
    assert run.counts is not None
    assert (run.counts["users_created"], run.counts["users_disabled"], run.counts["users_moved"]) == (0, 0, 5)
    after = site.people()
    assert {name: row["id"] for name, row in after.items()} == {name: row["id"] for name, row in before.items()}
    assert after["p3"]["dn"] == f"uid=p3,ou=west,{site.people_dn}"
    assert "west" in {row["name"] for row in site.rows("SELECT name FROM units")}


def test_units_come_and_go(followed: Site) -> None:
    unit = followed.slapd.add_ou("north", parent=followed.people_dn)
    followed.add_person("pole", parent=unit)
    changed(followed)
    assert "north" in {row["name"] for row in followed.rows("SELECT name FROM units")}
    followed.slapd.delete(f"uid=pole,{unit}")
    followed.slapd.delete(unit)
    changed(followed)
    assert "north" not in {row["name"] for row in followed.rows("SELECT name FROM units")}
    assert "Main" in {row["name"] for row in followed.rows("SELECT name FROM units")}, "others stay"


def test_another_configuration_reads_everything(followed: Site) -> None:
    version = cursor(followed)["cursor_version"]
    followed.settings["users"]["attributes"] = {"username": "uid", "email": "mail", "last_name": "cn"}
    run = followed.synced(Mode.CHANGES)
    assert run.feed == "full"
    assert "configuration" in (run.feed_reason or "")
    assert cursor(followed)["cursor_version"] == version + 1
    changed(followed, reads=0)


def test_a_cursor_that_the_server_refuses_reads_everything(followed: Site) -> None:
    stored = cursor(followed)
    future = dict.fromkeys(stored["cursor"], "rid=000,csn=29991231235959.000000Z#000000#000#000000")
    followed.execute("UPDATE directories SET cursor = :cursor", cursor=json.dumps(future))
    followed.slapd.modify(f"uid=p5,{followed.people_dn}", {"sn": "Newname"})
    run = followed.synced(Mode.CHANGES)
    assert run.feed == "full"
    assert "newer" in (run.feed_reason or "")
    assert followed.people()["p5"]["last_name"] == "Newname"
    changed(followed, reads=0)


def test_too_many_leavers_are_held_and_everything_was_read_to_make_sure(followed: Site) -> None:
    for number in range(30):
        followed.add_person(f"x{number}")
    changed(followed)
    position = cursor(followed)["cursor"]
    for number in range(25):
        followed.slapd.delete(f"uid=x{number},{followed.people_dn}")
    run = followed.sync(Mode.CHANGES)
    assert (run.outcome, run.feed) == ("held", "full")
    assert "guard objected" in (run.feed_reason or "")
    assert len(followed.present()) == 38
    assert cursor(followed)["cursor"] == position, "what was not applied is told again"
    again = followed.sync(Mode.CHANGES)
    assert (again.outcome, again.plan_id) == ("held", run.plan_id)
    assert followed.approve().outcome == "succeeded"
    assert len(followed.present()) == 13
    changed(followed)
    changed(followed, reads=0)


def test_an_issue_is_looked_at_again_with_every_change(followed: Site) -> None:
    followed.add_person("clash", mail="p1@example.com")
    run = followed.sync(Mode.CHANGES)
    assert (run.outcome, run.feed) == ("partial", "syncrepl")
    assert followed.sync(Mode.CHANGES).outcome == "partial", "it stands while nothing changes"
    assert len(followed.issues()) == 1
    followed.slapd.modify(f"uid=p1,{followed.people_dn}", {"mail": "other@example.com"})
    changed(followed)
    assert followed.issues() == {}
    assert "clash" in followed.present()


def test_a_sweep_finds_what_the_feed_did_not_say(make_site: SiteFactory) -> None:
    settings = {"feed": "syncrepl", "units": {"from": "none"}, "roles": {"map": MAP}}
    site = make_site(settings, overlays=("syncprov",))
    east = site.slapd.add_ou("east", parent=site.people_dn)
    people = [site.add_person(f"p{number}", parent=east) for number in range(4)]
    site.add_group("crew", people[0])
    site.synced()
    site.slapd.rename(east, "ou=west")
    changed(site, reads=0)
    assert site.people()["p0"]["dn"] == people[0], "nobody told of the people below"
    run = site.synced(Mode.SWEEP)
    assert run.feed == "sweep"
    assert site.people()["p0"]["dn"] == f"uid=p0,ou=west,{site.people_dn}"
    before = site.snapshot()
    run = site.synced(Mode.SWEEP)
    assert site.snapshot() == before


def test_a_sweep_finds_lost_cursors_changes(followed: Site) -> None:
    """What a feed skipped - here by a cursor that was moved on by hand - is found by the versions of the entries."""
    followed.slapd.modify(f"uid=p5,{followed.people_dn}", {"sn": "Newname"})
    followed.slapd.modify(f"cn=crew,{followed.groups_dn}", {"member": [f"uid=p6,{followed.people_dn}"]})
    followed.slapd.delete(f"uid=p7,{followed.people_dn}")
    csn = followed.slapd.search(base=followed.slapd.base_dn, scope=0, attributes=["contextCSN"])[0][1]["contextCSN"][0]
    moved = {name: f"rid=000,csn={csn.decode()}" for name in cursor(followed)["cursor"]}
    followed.execute("UPDATE directories SET cursor = :cursor", cursor=json.dumps(moved))
    changed(followed, reads=0)
    run = followed.synced(Mode.SWEEP)
    assert run.feed == "sweep"
    assert followed.people()["p5"]["last_name"] == "Newname"
    assert "p7" not in followed.present()
    assert followed.roles_of("p6") == {"employee"}
    assert followed.roles_of("p1") == set()
