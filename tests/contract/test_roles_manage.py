"""Roles by hand: what they may hold, who may make them, what keeps one from being deleted, over SQLite and PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from syncd.errors import (
    AboveCallerError,
    InUseError,
    NameTakenError,
    NoSuchReferenceError,
    NotFoundError,
    PermissionNameError,
    PreconditionFailedError,
    SyncdError,
    UsageError,
)
from syncd.model.structure import RoleFields, Window
from tests.contract.structure import ROOT, WHY, Kit
from tests.contract.structure import kit as kit


def names(kit: Kit, **window: object) -> list[str]:
    page = kit.management.roles.list(Window(**window))  # type: ignore[arg-type]
    return [role.fields.name for role in page.items]


# ---------------------------------------------------------------- making and changing
def test_s23_a_role_is_system_wide_or_one_organizations(kit: Kit) -> None:
    main, other = kit.rows.organization("Main"), kit.rows.organization("Other")
    create = kit.management.roles.create
    wide = create(RoleFields(name=" Manager ", permissions=("users:read", "crm:read", "crm:read")), caller=ROOT)
    assert (wide.fields.name, wide.fields.permissions, wide.organization) == ("Manager", ("crm:read", "users:read"), None)
    local = create(RoleFields(name="Buyer", organization_id=main, permissions=("erp.orders:write",)), caller=ROOT)
    assert (local.fields.organization_id, local.organization, local.version) == (main, "Main", 1)
    assert kit.management.roles.get(local.id) == local
    assert [r.id for r in kit.management.roles.list(Window(), organization_id=main).items] == [local.id]
    assert [r.id for r in kit.management.roles.list(Window(), system=True).items] == [wide.id]
    with pytest.raises(PermissionNameError, match="only a system-wide role"):
        kit.management.roles.edit(wide.id, {"organization_id": other}, caller=ROOT)
    with pytest.raises(NoSuchReferenceError, match="no organization 999"):
        create(RoleFields(name="x", organization_id=999), caller=ROOT)
    assert kit.audit()[0] == {
        "id": 1, "actor": "root", "request_id": "req-1", "action": "role.created", "subject_type": "role",
        "subject_id": wide.id,
        "after": {"name": "Manager", "description": "", "organization_id": None, "permissions": ["crm:read", "users:read"]},
    }  # fmt: skip


def test_s23_a_role_becomes_an_organizations_only_when_all_who_have_it_are_in_there(kit: Kit) -> None:
    main = kit.rows.organization("Main")
    role = kit.rows.role("Buyer")
    inside, outside = kit.user("inside"), kit.user("outside")
    kit.rows.access(inside, main)
    kit.rows.grant(inside, role)
    kit.rows.grant(outside, role)
    with pytest.raises(InUseError, match="1 people with this role have no access to organization"):
        kit.management.roles.edit(role, {"organization_id": main}, caller=ROOT)
    kit.rows.access(outside, main)
    assert kit.management.roles.edit(role, {"organization_id": main}, caller=ROOT).organization == "Main"


def test_a_change_writes_what_changed_and_nothing_else_is_written(kit: Kit) -> None:
    roles = kit.management.roles
    role = roles.create(RoleFields(name="Manager", permissions=("crm:read",)), caller=ROOT)
    same = roles.edit(role.id, {"name": "Manager", "permissions": ("crm:read",)}, caller=ROOT)
    assert same == role
    changed = roles.edit(role.id, {"name": "MANAGER", "permissions": ("crm:write",)}, if_match=1, caller=ROOT)
    assert (changed.version, changed.fields.permissions) == (2, ("crm:write",))
    assert changed.updated_at >= role.updated_at
    event = kit.audit()[-1]
    assert (event["action"], event["before"], event["after"]) == (
        "role.updated",
        {"name": "Manager", "permissions": ["crm:read"]},
        {"name": "MANAGER", "permissions": ["crm:write"]},
    )
    with pytest.raises(PreconditionFailedError):
        roles.edit(role.id, {"name": "Late"}, if_match=1, caller=ROOT)
    with pytest.raises(PreconditionFailedError):
        roles.delete(role.id, if_match=1, reason=WHY, caller=ROOT)
    assert kit.actions() == ["role.created", "role.updated"]


def test_a_name_belongs_to_one_role_in_any_spelling(kit: Kit) -> None:
    roles = kit.management.roles
    first = roles.create(RoleFields(name="Straße"), caller=ROOT)
    with pytest.raises(NameTakenError, match=f"role {first.id}"):
        roles.create(RoleFields(name="STRASSE"), caller=ROOT)
    second = roles.create(RoleFields(name="Second"), caller=ROOT)
    with pytest.raises(NameTakenError):
        roles.edit(second.id, {"name": "strasse"}, caller=ROOT)
    assert roles.by_name(" straße ") == first.id
    assert roles.by_name("third") is None


def test_of_many_who_take_a_name_at_once_one_gets_it(kit: Kit) -> None:
    came_to: list[str] = []
    barrier = threading.Barrier(6)

    def make() -> None:
        barrier.wait()
        try:
            kit.management.roles.create(RoleFields(name="Manager"), caller=ROOT)
            came_to.append("made")
        except SyncdError as error:
            came_to.append(error.code)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came_to) == ["made"] + ["name_taken"] * 5


def test_names_that_are_none(kit: Kit) -> None:
    for name in ("", "  ", "a\nb", "x" * 201, "\x00", "\u00a0"):
        with pytest.raises(UsageError):
            kit.management.roles.create(RoleFields(name=name), caller=ROOT)
    assert kit.actions() == []


# ---------------------------------------------------------------- nobody raises themselves
def test_nobody_makes_or_changes_a_role_that_gives_more_than_they_have(kit: Kit) -> None:
    roles, anna = kit.management.roles, kit.caller("roles:write", "users:read", "crm:read")
    role = roles.create(RoleFields(name="Reader", permissions=("users:read", "crm:read")), caller=anna)
    for permissions in (("users:write",), ("crm:write",)):
        with pytest.raises(AboveCallerError, match=permissions[0]):
            roles.create(RoleFields(name="More", permissions=permissions), caller=anna)
        with pytest.raises(AboveCallerError, match=permissions[0]):
            roles.edit(role.id, {"permissions": permissions}, caller=anna)
    strong = roles.create(RoleFields(name="Strong", permissions=("users:delete", "crm:read")), caller=ROOT)
    for changes in ({"permissions": ()}, {"name": "Weak"}, {"description": "x"}):
        with pytest.raises(AboveCallerError, match="users:delete"):
            roles.edit(strong.id, changes, caller=anna)
    with pytest.raises(AboveCallerError):
        roles.delete(strong.id, reason=WHY, caller=anna)
    assert roles.get(strong.id) == strong


def test_a_name_with_a_built_in_meaning_is_more_than_its_permissions(kit: Kit) -> None:
    roles, anna = kit.management.roles, kit.caller("roles:write")
    harmless = roles.create(RoleFields(name="harmless"), caller=anna)
    for name, missing in (("Administrator", "everything"), ("operator", "plans:decide"), ("AUDITOR", "audit:read")):
        with pytest.raises(AboveCallerError, match=missing):
            roles.create(RoleFields(name=name), caller=anna)
        with pytest.raises(AboveCallerError, match=missing):
            roles.edit(harmless.id, {"name": name}, caller=anna)


def test_what_somebody_may_in_one_organization_they_give_there_only(kit: Kit) -> None:
    main, other = kit.rows.organization("Main"), kit.rows.organization("Other")
    user = kit.user("anna")
    own = kit.management.roles.create(RoleFields(name="own", organization_id=main, permissions=("crm:read",)), caller=ROOT)
    kit.rows.access(user, main)
    kit.rows.grant(user, own.id)
    anna, create = kit.caller("roles:write", user=user), kit.management.roles.create
    create(RoleFields(name="there", organization_id=main, permissions=("crm:read",)), caller=anna)
    for organization in (other, None):
        with pytest.raises(AboveCallerError, match="crm:read"):
            create(RoleFields(name="elsewhere", organization_id=organization, permissions=("crm:read",)), caller=anna)
    # a key for another organization does not carry it
    key = kit.caller("roles:write", user=user, organization_id=other)
    with pytest.raises(AboveCallerError):
        create(RoleFields(name="by key", organization_id=main, permissions=("crm:read",)), caller=key)


def test_the_ceiling_over_roles_and_users(kit: Kit) -> None:
    ceiling = kit.management.ceiling
    anna = kit.user("anna")
    weak = kit.management.roles.create(RoleFields(name="weak", permissions=("users:read",)), caller=ROOT)
    administrator, helper, nobody = kit.user("admin"), kit.user("helper"), kit.user("nobody")
    role = kit.rows.role("administrator")
    kit.rows.grant(administrator, role)
    kit.rows.grant(helper, weak.id)
    caller = kit.caller("users:read", "users:write", user=anna)
    ceiling.require_roles([weak.id], caller=caller)
    for user in (helper, nobody, anna):
        ceiling.require_user(user, caller=caller)
    with pytest.raises(AboveCallerError, match="everything"):
        ceiling.require_roles([weak.id, role], caller=caller)
    with pytest.raises(AboveCallerError, match=f"act on user {administrator}"):
        ceiling.require_user(administrator, caller=caller)
    ceiling.require_user(administrator, caller=ROOT)
    for who in (caller, ROOT):
        with pytest.raises(NoSuchReferenceError, match="no role 999"):
            ceiling.require_roles([weak.id, 999], caller=who)


# ---------------------------------------------------------------- deleting
def test_a_role_that_somebody_has_is_not_deleted(kit: Kit) -> None:
    role, corp = kit.rows.role("Buyer"), kit.rows.directory()
    for number in range(3):
        user = kit.user(f"u{number}")
        kit.rows.identity(user, corp, f"uid=u{number}")
        kit.rows.grant(user, role)
        kit.rows.grant(user, role, directory=corp)
    with pytest.raises(InUseError, match="3 people have the role Buyer"):
        kit.management.roles.delete(role, reason=WHY, caller=ROOT)
    assert kit.management.roles.get(role).users == 3


def test_deleting_a_role_takes_its_permissions_and_leaves_an_event(kit: Kit) -> None:
    roles = kit.management.roles
    role = roles.create(RoleFields(name="Buyer", permissions=("crm:read",)), caller=ROOT)
    with pytest.raises(UsageError, match="reason"):
        roles.delete(role.id, reason=" x ", caller=ROOT)
    roles.delete(role.id, if_match=1, reason=f" {WHY} ", caller=ROOT)
    with pytest.raises(NotFoundError):
        roles.get(role.id)
    assert {p.name for p in roles.permissions() if p.roles} == set()
    event = kit.audit()[-1]
    assert (event["action"], event["subject_id"], event["reason"], event["before"]["name"]) == (
        "role.deleted", role.id, WHY, "Buyer",
    )  # fmt: skip


def test_what_the_configuration_names_is_neither_deleted_nor_renamed_nor_one_organizations(kit: Kit) -> None:
    roles, main = kit.management.roles, kit.rows.organization("Main")
    for name, user in (
        ("Administrator", "administrator_roles"), ("clerk", "directories.corp.roles"), ("EVERYBODY", "directories.corp.roles"),
    ):  # fmt: skip
        role = kit.rows.role(name)
        with pytest.raises(InUseError, match=user):
            roles.delete(role, reason=WHY, caller=ROOT)
        with pytest.raises(InUseError, match=user):
            roles.edit(role, {"name": "other"}, caller=ROOT)
        with pytest.raises(InUseError, match=user):
            roles.edit(role, {"organization_id": main}, caller=ROOT)
        assert roles.edit(role, {"name": name.swapcase(), "description": "spelt anew"}, caller=ROOT).version == 2


# ---------------------------------------------------------------- looking
def test_roles_come_in_pages_by_name_and_are_searched(kit: Kit) -> None:
    for name in ("delta", "Alpha", "échelon", "Bravo one", "charlie", "Zulu one"):
        kit.rows.role(name, description=f"for {name[:2]}")
    seen: list[str] = []
    after: str | None = None
    while True:
        page = kit.management.roles.list(Window(limit=2, after=after))
        seen += [role.fields.name for role in page.items]
        after = page.next
        if after is None:
            break
    assert seen == names(kit) == ["Alpha", "Bravo one", "charlie", "delta", "Zulu one", "échelon"]
    assert names(kit, text="ONE br") == ["Bravo one"]
    assert names(kit, text="one", limit=1) == ["Bravo one"]
    assert kit.management.roles.list(Window(text="one", limit=1)).next == "bravo one"
    assert names(kit, text="ÉCH") == ["échelon"]
    assert names(kit, text="nothing") == []
    assert names(kit, after="no such name, but a place in the list") == ["Zulu one", "échelon"]
    with pytest.raises(UsageError):
        names(kit, limit=0)


def test_permissions_are_listed_with_the_roles_that_hold_them(kit: Kit) -> None:
    for number in range(2):
        fields = RoleFields(name=f"r{number}", permissions=("users:read", "crm:read"))
        kit.management.roles.create(fields, caller=ROOT)
    found = {each.name: each for each in kit.management.roles.permissions()}
    assert (found["users:read"].roles, found["users:read"].sentence) == (2, "List and view users.")
    assert (found["crm:read"].roles, found["crm:read"].sentence) == (2, None)
    assert found["users:delete"].roles == 0
    assert "public" not in found


def test_s28_role_identifiers_without_a_mapping_are_shown(kit: Kit) -> None:
    corp, old = kit.rows.directory("corp"), kit.rows.directory("old")
    for identifier in ("crm-admins", "unknown", "Other"):
        kit.rows.role_identifier(corp, identifier)
    kit.rows.role_identifier(old, "crm-admins")
    page = kit.management.roles.identifier_page
    shown = [(each.identifier.directory, each.identifier.identifier, each.roles, each.configured) for each in page().items]
    assert shown == [
        ("corp", "crm-admins", ("Clerk",), True), ("corp", "Other", (), True), ("corp", "unknown", (), True),
        ("old", "crm-admins", (), False),
    ]  # fmt: skip
    assert [each.identifier.identifier for each in page(directory="corp", mapped=False).items] == ["Other", "unknown"]
    assert [each.identifier.identifier for each in page(mapped=True).items] == ["crm-admins"]
    first = page(limit=3)
    assert [each.identifier.directory for each in page(after=first.next).items] == ["old"]
    assert len(page(after="corp").items) == 4
    assert page(after="zzz").items == ()
