"""A plan in rows: what was, what will be, and which line of the configuration or fact of the directory made it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from syncd.model.creation import NewFields
from syncd.model.hold import ChangeRow
from syncd.model.plan import Action, Link, NameRelease, PersonChange, Plan, StructureChange
from syncd.model.records import (
    DirectoryPresence,
    Issue,
    OrganizationRecord,
    PersonRecord,
    RoleIdentifierRecord,
    StoredPerson,
    UnitRecord,
)
from syncd.reconcile.render import rows, rules_of
from syncd.settings.directory import DirectorySettings


def settings(**sections: Any) -> DirectorySettings:
    return DirectorySettings.model_validate({"urls": ["ldap://h"], "base_dn": "dc=x", **sections})


RULES = rules_of(
    settings(
        users={
            "base_dn": "ou=people,dc=x",
            "filter": "(uid=*)",
            "attributes": {
                "username": "uid",
                "display_name": "{givenName} {sn}",
                "title": ["title", "employeeType"],
                "phone": {"attribute": "telephoneNumber", "convert": ["phone"]},
                "cost_center": "departmentNumber",
            },
        },
        roles={
            "base_dn": "ou=groups,dc=x",
            "filter": "(cn=*)",
            "map": {"admins": ["Administrator"], "/x-.*/": ["administrator", "Administrator", "clerk"]},
            "default": ["clerk"],
        },
    )
)
NO_PERSON = "not in the directory: complete read of ou=people,dc=x with (uid=*), and not found by its id"
NO_UNIT = "not in the directory: complete read of ou=people,dc=x with (objectClass=organizationalUnit)"
NO_ROLE = "not in the directory: complete read of ou=groups,dc=x with (cn=*)"
MEMBERS = 'roles.member_attribute = ["member", "uniqueMember"]'


def shown(**changes: Any) -> list[ChangeRow]:
    return list(rows(Plan(directory="corp", **changes), RULES))


AFTER = PersonRecord("e", "uid=new", "uid=new", b"", {})
BEFORE = StoredPerson(1, "e", "uid=old", "uid=old", b"", DirectoryPresence.ACTIVE, {})


def person(action: Action, **fields: Any) -> PersonChange:
    after, before = None if action is Action.DISABLE else AFTER, None if action is Action.CREATE else BEFORE
    return PersonChange(action, "e", after, before, NewFields(fields) if action is Action.CREATE else fields)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("username", "username = uid"),
        ("display_name", "display_name = {givenName} {sn}"),
        ("title", 'title = ["title", "employeeType"]'),
        ("phone", 'phone = { attribute = "telephoneNumber", convert = ["phone"] }'),
        ("custom.cost_center", "cost_center = departmentNumber"),
        ("dn", "the entry's name (DN)"),
        ("unit", 'units.from = "ou"'),
        ("organization", 'organization = "Main"'),
        ("suffix", "the configuration has no rule for it"),
    ],
)
def test_each_field_of_a_person_has_a_row_with_its_rule(field: str, rule: str) -> None:
    assert shown(people=(person(Action.UPDATE, **{field: ("a", None)}),)) == [
        ChangeRow("person", "update", "e", "uid=new", field, "a", None, rule)
    ]


def test_people_in_rows() -> None:
    changes = (
        person(Action.CREATE, username="a", title=None, phone="1"),
        person(Action.CREATE),
        person(Action.UPDATE, username=("a", "b"), title=("x", None)),
        person(Action.UPDATE),
        person(Action.RETURN, username=("a", "b")),
        person(Action.DISABLE),
    )
    fresh = "the entry is another, but nothing of it that is kept"
    assert [(row.action, row.name, row.field, row.before, row.after, row.rule) for row in shown(people=changes)] == [
        ("create", "uid=new", "username", None, "a", "username = uid"),
        ("create", "uid=new", "phone", None, "1", 'phone = { attribute = "telephoneNumber", convert = ["phone"] }'),
        ("create", "uid=new", None, None, None, fresh),
        ("update", "uid=new", "username", "a", "b", "username = uid"),
        ("update", "uid=new", "title", "x", None, 'title = ["title", "employeeType"]'),
        ("update", "uid=new", None, None, None, fresh),
        ("return", "uid=new", None, None, None, "in the directory again"),
        ("return", "uid=new", "username", "a", "b", "username = uid"),
        ("disable", "uid=old", None, None, None, NO_PERSON),
    ]
    assert {(row.kind, row.id) for row in shown(people=changes)} == {("person", "e")}


def test_of_a_photograph_size_and_hash_are_shown() -> None:
    (row,) = shown(people=(person(Action.UPDATE, avatar=(b"abc", b"")),))
    assert row.before == f"3 bytes, SHA-256 {hashlib.sha256(b'abc').hexdigest()[:16]}"
    assert str(row.after).startswith("0 bytes, SHA-256 ")


def test_lists_and_numbers_are_shown_as_they_are() -> None:
    (row,) = shown(people=(person(Action.UPDATE, **{"custom.n": (1, ("a", "b"))}),))
    assert (row.before, row.after) == (1, ("a", "b"))


def test_structure_in_rows() -> None:
    one, two = OrganizationRecord(key="o", name="One"), OrganizationRecord(key="o", name="Two")
    unit = UnitRecord(key="u", name="Sales", organization="o", parent=None)
    moved = UnitRecord(key="u", name="Selling", organization="o", parent="p")
    group = RoleIdentifierRecord(key="g", identifier="admins", dn="cn=admins")
    found = shown(
        organizations=(StructureChange(Action.UPDATE, "o", one, two), StructureChange(Action.REMOVE, "o", one, None)),
        units=(
            StructureChange(Action.CREATE, "u", None, unit),
            StructureChange(Action.UPDATE, "u", unit, moved),
            StructureChange(Action.REMOVE, "u", unit, None),
        ),
        role_identifiers=(
            StructureChange(Action.CREATE, "g", None, group),
            StructureChange(Action.REMOVE, "g", group, None),
        ),
    )
    assert found == [
        ChangeRow("organization", "update", "o", "Two", "name", "One", "Two", 'organization = "Main"'),
        ChangeRow("organization", "remove", "o", "One", None, "One", None, 'organization = "Main"'),
        ChangeRow("unit", "create", "u", "Sales", None, None, "Sales", 'units.from = "ou"'),
        ChangeRow("unit", "update", "u", "Selling", "name", "Sales", "Selling", 'units.from = "ou"'),
        ChangeRow("unit", "update", "u", "Selling", "parent", None, "p", 'units.from = "ou"'),
        ChangeRow("unit", "remove", "u", "Sales", None, "Sales", None, NO_UNIT),
        ChangeRow("role_identifier", "create", "g", "admins", None, None, "admins", 'roles.id_attribute = "cn"'),
        ChangeRow("role_identifier", "remove", "g", "admins", None, "admins", None, NO_ROLE),
    ]


ADMINS = 'roles.map: "admins" = ["Administrator"]; roles.map: "/x-.*/" = ["administrator", "Administrator", "clerk"]'
CLERKS = 'roles.map: "/x-.*/" = ["administrator", "Administrator", "clerk"]; roles.default = ["clerk"]'


def test_links_in_rows() -> None:
    group = RoleIdentifierRecord(key="g", identifier="new-admins", dn=None)
    found = shown(
        role_identifiers=(StructureChange(Action.CREATE, "g", None, group),),
        memberships_added=(Link("e", "g"),),
        memberships_removed=(Link("e", "h"), Link("e", "unknown")),
        members_before={"h": ("old-admins", 5)},
        grants_added=(Link("e", "ADMINISTRATOR"), Link("e", "other")),
        grants_removed=(Link("e", "clerk"), Link("e", "other")),
        roles_created=("clerk", "other"),
    )
    assert found[1:] == [
        ChangeRow("role", "create", None, "clerk", None, None, "clerk", CLERKS),
        ChangeRow("role", "create", None, "other", None, None, "other", "the configuration has no rule for it"),
        ChangeRow("membership", "add", "e", "new-admins", None, None, "new-admins", MEMBERS),
        ChangeRow("membership", "remove", "e", "old-admins", None, "old-admins", None, f"no longer by {MEMBERS}"),
        ChangeRow("membership", "remove", "e", "unknown", None, "unknown", None, f"no longer by {MEMBERS}"),
        ChangeRow("grant", "add", "e", "ADMINISTRATOR", None, None, "ADMINISTRATOR", ADMINS),
        ChangeRow("grant", "add", "e", "other", None, None, "other", "the configuration has no rule for it"),
        ChangeRow("grant", "remove", "e", "clerk", None, "clerk", None, f"no longer by {CLERKS}"),
        ChangeRow("grant", "remove", "e", "other", None, "other", None, "no line of roles.map gives it"),
    ]


def test_releases_and_issues_in_rows() -> None:
    found = shown(
        releases=(NameRelease(1, "e", "email", "a@x"), NameRelease(1, "e", "username")),
        issues_opened=(Issue(key="i", dn="uid=i", code="bad_value", message="why"),),
        issues_closed=("j",),
    )
    assert found == [
        ChangeRow("name", "remove", "e", None, "email", "a@x", None,
                  "gone from the directory, where somebody else has this email now"),
        ChangeRow("name", "remove", "e", None, "username", None, None,
                  "gone from the directory, where somebody else has this username now"),
        ChangeRow("issue", "open", "i", "uid=i", None, None, "why", "bad_value"),
        ChangeRow("issue", "close", "j", None, None, None, None, "no longer found, or found with other words"),
    ]  # fmt: skip


def test_the_bases_are_those_that_are_searched() -> None:
    plain = rules_of(settings())
    assert plain.no_person.startswith("not in the directory: complete read of dc=x with (objectClass=inetOrgPerson)")
    assert plain.no_unit == "not in the directory: complete read of dc=x with (objectClass=organizationalUnit)"
    assert plain.no_role_identifier.startswith("not in the directory: complete read of dc=x with (|(")
    own = rules_of(settings(users={"base_dn": "ou=p,dc=x"}, units={"base_dn": "ou=u,dc=x", "filter": "(ou=*)"}))
    assert own.no_unit == "not in the directory: complete read of ou=u,dc=x with (ou=*)"


def test_units_and_organizations_may_come_from_people() -> None:
    found = rules_of(settings(units={"from": "attribute:ou"}, organization={"from": "attribute:o"}))
    assert (found.units, found.organizations) == ('units.from = "attribute:ou"', 'organization.from = "attribute:o"')
    assert found.no_unit == found.no_organization == "no person names it any more"
    assert found.fields["organization"] == found.organizations
    mixed = rules_of(settings(units={"from": "none"}, organization={"from": "ou"}))
    assert (mixed.no_organization, mixed.no_unit) == (RULES.no_unit.replace("ou=people,", ""), "no person names it any more")
