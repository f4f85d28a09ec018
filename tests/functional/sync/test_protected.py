"""Manual users, break-glass accounts and the last administrator are never touched by a run."""

from __future__ import annotations

import pytest

from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

NOW = "2026-01-01 00:00:00.000000"


@pytest.fixture
def site(make_site: SiteFactory) -> Site:
    """Three administrators and a clerk, all from the directory."""
    site = make_site({"roles": {"map": {"admins": ["administrator"], "clerks": ["clerk"]}}})
    admins = [site.add_person(name) for name in ("ada", "bob", "cyd")]
    site.add_group("admins", *admins)
    site.add_group("clerks", site.add_person("dan"))
    site.synced()
    return site


def add_manual(site: Site, username: str) -> None:
    site.execute(
        "INSERT INTO users (username, username_key, email, email_key, manual, created_at, updated_at) "
        "VALUES (:name, :name, :mail, :mail, :yes, :now, :now)",
        name=username, mail=f"{username}@manual.example", yes=True, now=NOW,
    )  # fmt: skip


def row(site: Site, username: str) -> list[object]:
    return [site.rows("SELECT * FROM users WHERE username = :u", u=username), site.roles_of(username)]


def test_a_manual_user_is_byte_for_byte_the_same_whatever_the_directory_does(site: Site) -> None:
    add_manual(site, "alice")
    before = row(site, "alice")
    site.add_person("alice")
    run = site.sync()
    assert run.outcome == "partial"
    issue = site.issues()[f"uid=alice,{site.people_dn}"]
    assert "manual user 'alice'" in str(issue["message"])
    assert row(site, "alice") == before
    for name in ("ada", "bob", "cyd", "dan", "alice"):
        site.slapd.delete(f"uid={name},{site.people_dn}")
    assert site.sync().code == "empty_result"
    site.approve()
    assert row(site, "alice") == before


def test_a_break_glass_account_is_never_touched(site: Site) -> None:
    site.execute("UPDATE users SET break_glass = :yes WHERE username = 'ada'", yes=True)
    before = row(site, "ada")
    site.slapd.modify(f"uid=ada,{site.people_dn}", {"sn": "Changed"})
    site.slapd.modify(f"cn=admins,{site.groups_dn}", {"member": [f"uid=bob,{site.people_dn}"]})
    run = site.sync()
    assert run.outcome == "partial"
    assert row(site, "ada") == before
    assert site.roles_of("cyd") == set()
    site.slapd.delete(f"uid=ada,{site.people_dn}")
    site.sync()
    assert row(site, "ada") == before
    assert "ada" in site.present()
    assert {issue["code"] for issue in site.issues().values()} == {"protected"}
    written = site.snapshot()
    site.sync()
    assert site.snapshot() == written, "the same issue is not written again"


def test_the_last_administrator_is_neither_disabled_nor_revoked(site: Site) -> None:
    for name in ("bob", "cyd", "ada"):
        site.slapd.delete(f"uid={name},{site.people_dn}")
    site.slapd.add_people(5, parent=site.people_dn)
    run = site.sync()
    assert run.outcome in ("partial", "held")
    if run.outcome == "held":
        run = site.approve()
    left = site.present() & {"ada", "bob", "cyd"}
    assert len(left) == 1
    assert site.roles_of(left.pop()) == {"administrator"}
    assert "last_administrator" in {issue["code"] for issue in site.issues().values()}


def test_with_a_manual_administrator_all_others_may_go(site: Site) -> None:
    add_manual(site, "root")
    site.execute(
        "INSERT INTO grants (user_id, role_id) SELECT u.id, r.id FROM users u, roles r "
        "WHERE u.username = 'root' AND r.name = 'administrator'"
    )
    site.slapd.modify(f"cn=admins,{site.groups_dn}", {"member": ["cn=nobody"]})
    site.synced()
    assert [name for name in ("ada", "bob", "cyd") if site.roles_of(name)] == []
    assert site.roles_of("root") == {"administrator"}
