"""Runs beside what people do by hand: manual users are never written, and what a directory does not map survives its runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from typing import Any

import pytest

from syncd.errors import ManagedFieldError, NameTakenError
from syncd.model.caller import Caller
from syncd.model.structure import GroupFields, RoleFields
from syncd.model.useredit import NewUser, Place, UserDetail, UserEdit
from syncd.services.users import UserService
from tests.functional.sync.conftest import SiteFactory
from tests.functional.sync.site import Site

BOSS = Caller(name="boss", everything=True)
WHY = "moved to another team"
CHEAP = {"argon2_time_cost": 1, "argon2_memory": 8, "argon2_parallelism": 1}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
def site(make_site: SiteFactory) -> Site:
    """A directory that maps the usual fields and a badge; grades are the administrators'."""
    attributes = {"username": "uid", "email": "mail", "first_name": "givenName", "last_name": "sn", "badge": "employeeNumber"}
    site = make_site(
        {"users": {"attributes": attributes}, "roles": {"map": {"staff": ["employee"], "chiefs": ["chief"]}}},
        root={"custom_fields": {"badge": "text", "grade": "text"}, "passwords": CHEAP},
    )
    anna = site.add_person("anna", givenName="Anna", employeeNumber="7")
    site.add_group("staff", anna)
    return site


@contextmanager
def users_of(site: Site) -> Iterator[UserService]:
    with site.runtime() as runtime:
        yield runtime.management.users


def number_of(site: Site, username: str) -> int:
    (row,) = site.rows("SELECT id FROM users WHERE username = :u", u=username)
    return int(row["id"])


def edit(site: Site, username: str, reason: str | None = None, **more: Any) -> UserDetail:
    parts = {name: more.pop(name) for name in tuple(more) if name in UserEdit.__dataclass_fields__}
    with users_of(site) as users:
        return users.edit(number_of(site, username), UserEdit(fields=more, **parts), caller=BOSS, reason=reason)


def create(site: Site, username: str = "ben", **more: Any) -> int:
    (role,) = site.rows("SELECT id FROM roles WHERE name = 'employee'")
    (unit,) = site.rows("SELECT id, organization_id FROM units ORDER BY id LIMIT 1")
    fields = {"username": username, "first_name": "B", "last_name": "C", "email": f"{username}@manual.example"} | more
    place = Place(unit["organization_id"], unit["id"])
    new = NewUser(fields=fields, enabled=True, role_ids=frozenset({role["id"]}), places=frozenset({place}))
    with users_of(site) as users:
        return users.create(new, password_hash=users.hashed("Correct-Horse-7", fields), caller=BOSS).person.id


def facts_of(site: Site, number: int) -> dict[str, list[dict[str, Any]]]:
    """Every row that is a user's."""
    tables = (
        "access",
        "grants",
        "group_members",
        "user_emails",
        "user_tags",
        "user_custom_fields",
        "user_avatars",
        "passwords",
    )
    found = {name: site.rows(f"SELECT * FROM {name} WHERE user_id = :n", n=number) for name in tables}
    return found | {"users": site.rows("SELECT * FROM users WHERE id = :n", n=number)}


def full_and_all_gone(site: Site) -> None:
    """Runs that change everything the directory has: a change, a new person, a person gone, all mapped anew."""
    site.slapd.modify(f"uid=anna,{site.people_dn}", {"givenName": ["Hanna"]})
    site.add_person("zoe")
    site.synced()
    site.slapd.delete(f"uid=zoe,{site.people_dn}")
    site.synced()
    site.settings["users"]["attributes"]["title"] = "title"
    site.synced()


def test_s30_runs_never_write_what_is_a_manual_users(site: Site) -> None:
    site.synced()
    number = create(site, tags=["vip"], emails=["b@x.example"], **{"custom.grade": "A"})
    with site.runtime() as runtime:
        runtime.management.avatars.put(number, PNG, caller=BOSS)
    before = facts_of(site, number)
    full_and_all_gone(site)
    assert facts_of(site, number) == before


def test_s30_a_manual_users_name_is_not_taken_by_a_directory(site: Site) -> None:
    site.synced()
    number = create(site, "ben")
    before = facts_of(site, number)
    dn = site.add_person("ben")
    run = site.sync()
    assert (run.outcome, dn in site.issues()) == ("partial", True)
    assert facts_of(site, number) == before
    assert "ben" not in site.people()


def test_s35_what_is_not_mapped_survives_the_runs_of_a_directory_users_directory(site: Site) -> None:
    site.synced()
    organization = site.rows("SELECT id FROM organizations")[0]["id"]
    with site.runtime() as runtime:
        group = runtime.management.groups.create(GroupFields(name="Press"), caller=BOSS).id
        helper = runtime.management.roles.create(RoleFields(name="helper"), caller=BOSS).id
    edit(
        site, "anna", phone="+34 600", birthday=date(1990, 1, 2), tags=["vip"], **{"custom.grade": "A"},
        role_ids=frozenset({helper}), group_ids=frozenset({group}), places=frozenset({Place(organization)}),
    )  # fmt: skip
    full_and_all_gone(site)
    with users_of(site) as users:
        user = users.get(number_of(site, "anna"))
    person = user.person
    assert (person.first_name, person.phone, person.birthday, person.tags) == ("Hanna", "+34 600", date(1990, 1, 2), ("vip",))
    assert person.custom == {"badge": "7", "grade": "A"}
    assert [(role.name, role.sources) for role in user.roles] == [("employee", ("corp",)), ("helper", ("manual",))]
    assert [group.name for group in user.groups] == ["Press"]
    assert sorted((each.source, each.unit is None) for each in user.access) == [("corp", False), ("manual", True)]
    # nothing is left to do: what was edited is no difference to the directory
    before = site.snapshot()
    site.synced()
    assert site.snapshot() == before


def test_s35_what_is_mapped_names_the_directory(site: Site) -> None:
    site.synced()
    for field, value in (("first_name", "X"), ("email", "x@y.example"), ("custom.badge", "8"), ("emails", ("a@b.example",))):
        with pytest.raises(ManagedFieldError, match="directory corp"):
            edit(site, "anna", **{field: value})
    assert edit(site, "anna", first_name="Anna", display_name="A. B.").person.display_name == "A. B."


def test_s22_a_role_of_a_directory_is_enough_and_stays_its_own(site: Site) -> None:
    site.synced()
    employee = site.rows("SELECT id FROM roles WHERE name = 'employee'")[0]["id"]
    both = edit(site, "anna", role_ids=frozenset({employee}))
    assert both.roles[0].sources == ("corp", "manual")
    assert edit(site, "anna", WHY, role_ids=frozenset()).roles[0].sources == ("corp",)
    # the directory takes its own away, and only that
    edit(site, "anna", role_ids=frozenset({employee}))
    site.slapd.modify(f"cn=staff,{site.groups_dn}", {"member": ["cn=nobody"]})
    site.synced()
    with users_of(site) as users:
        assert [(role.name, role.sources) for role in users.get(number_of(site, "anna")).roles] == [("employee", ("manual",))]


def test_s5_the_name_of_somebody_gone_is_kept_for_their_return(site: Site) -> None:
    site.synced()
    bruno = site.add_person("bruno")
    site.synced()
    site.slapd.delete(bruno)
    site.synced()
    with pytest.raises(NameTakenError):
        create(site, "bruno")
    assert site.people()["bruno"]["missing_since"] is not None


def test_s35_somebody_gone_is_edited_and_returns_as_the_directory_says(site: Site) -> None:
    site.settings["users"]["filter"] = "(&(objectClass=inetOrgPerson)(!(employeeType=gone)))"
    site.add_person("other")
    site.synced()
    entry = f"uid=anna,{site.people_dn}"
    site.slapd.modify(entry, {"employeeType": ["gone"]})
    site.synced()
    assert site.present() == {"other"}
    edit(site, "anna", first_name="By hand", phone="1")
    site.slapd.modify(entry, {"employeeType": []})
    site.synced()
    with users_of(site) as users:
        person = users.get(number_of(site, "anna")).person
    assert (person.first_name, person.phone, person.directories[0].missing_since) == ("Anna", "1", None)


def test_s10_a_picture_of_the_directory_is_shown_and_read_only(site: Site) -> None:
    site.settings["users"]["attributes"]["avatar"] = "jpegPhoto"
    jpeg = b"\xff\xd8\xff\xe0" + bytes(30)
    site.add_person("pia", jpegPhoto=jpeg)
    site.synced()
    number = number_of(site, "pia")
    with site.runtime() as runtime:
        avatars = runtime.management.avatars
        assert (avatars.get(number).media_type, avatars.get(number).data) == ("image/jpeg", jpeg)
        for attempt in (partial(avatars.put, number, PNG, caller=BOSS), partial(avatars.delete, number, caller=BOSS)):
            with pytest.raises(ManagedFieldError, match=r"avatar.*directory corp"):
                attempt()
        ours = create(site, "ben")
        avatars.put(ours, PNG, caller=BOSS)
        site.synced()
        assert avatars.get(ours).data == PNG
