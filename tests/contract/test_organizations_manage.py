"""Organizations by hand: the switch that keeps people out, and what a directory decides, over SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from syncd.errors import (
    AboveCallerError,
    InUseError,
    LastAdministratorError,
    ManagedFieldError,
    NameTakenError,
    NotFoundError,
    PreconditionFailedError,
    UsageError,
)
from syncd.model.structure import OrganizationFields, RoleFields, Window
from syncd.store import organizations as store
from syncd.store import schema as t
from syncd.store.engine import read
from syncd.store.journal import Journal
from tests.contract.structure import ROOT, WHY, Kit
from tests.contract.structure import kit as kit
from tests.fakes.people_rows import NOON


def session(kit: Kit, user: int) -> None:
    kit.rows.row(
        t.sessions, user_id=user, digest=b"x", created_at=NOON, last_seen_at=NOON, expires_at=NOON + timedelta(days=9999)
    )


def sessions(kit: Kit) -> set[int]:
    with read(kit.engine) as connection:
        return set(connection.scalars(select(t.sessions.c.user_id)))


# ---------------------------------------------------------------- making and changing
def test_s17_an_organization_is_made_renamed_and_deleted(kit: Kit) -> None:
    organizations = kit.management.organizations
    made = organizations.create(OrganizationFields(name="Acme"), caller=ROOT)
    assert (made.fields.enabled, made.directories, made.managed_by, made.version) == (True, (), None, 1)
    with pytest.raises(NameTakenError):
        organizations.create(OrganizationFields(name="ACME "), caller=ROOT)
    renamed = organizations.edit(made.id, {"name": "Acme Ltd"}, if_match=1, caller=ROOT)
    assert (renamed.fields.name, renamed.version) == ("Acme Ltd", 2)
    assert organizations.edit(made.id, {}, caller=ROOT) == renamed
    with pytest.raises(PreconditionFailedError):
        organizations.delete(made.id, if_match=1, reason=WHY, caller=ROOT)
    organizations.delete(made.id, if_match=2, reason=WHY, caller=ROOT)
    with pytest.raises(NotFoundError):
        organizations.get(made.id)
    assert kit.actions() == ["organization.created", "organization.updated", "organization.deleted"]


def test_what_a_directory_made_is_its_own_but_for_the_switch(kit: Kit) -> None:
    corp = kit.rows.directory()
    acme = kit.rows.organization("Acme", directory=corp)
    kit.rows.organization_source(acme, corp, "Acme")
    organizations = kit.management.organizations
    found = organizations.get(acme)
    assert (found.directories, found.managed_by) == (("corp",), "corp")
    with pytest.raises(ManagedFieldError, match="directory corp"):
        organizations.edit(acme, {"name": "Other"}, caller=ROOT)
    with pytest.raises(ManagedFieldError, match="directory corp"):
        organizations.delete(acme, reason=WHY, caller=ROOT)
    assert not organizations.disable(acme, reason=WHY, caller=ROOT).fields.enabled


def test_an_organization_in_use_is_not_deleted(kit: Kit) -> None:
    acme, corp = kit.rows.organization("Acme"), kit.rows.directory()
    unit = kit.rows.unit(acme, "Sales")
    for name in ("anna", "bert"):
        user = kit.user(name)
        kit.rows.access(user, acme)
        kit.rows.access(user, acme, unit)
    kit.rows.role("Buyer", organization=acme)
    kit.rows.organization_source(acme, corp, "Acme")
    with pytest.raises(InUseError) as refused:
        kit.management.organizations.delete(acme, reason=WHY, caller=ROOT)
    expected = "2 people have access to it, 1 units are in it, 1 roles are for it, 1 directories use it"
    assert refused.value.message == f"the organization Acme is in use: {expected}"


# ---------------------------------------------------------------- the switch
def test_s17_disabling_keeps_out_who_has_no_other_and_ends_their_sessions(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[int]] = []
    announce = store.announce

    def counted(connection: Connection, users: Sequence[int], *, journal: Journal) -> int:
        batches.append(list(users))
        return announce(connection, users, journal=journal)

    monkeypatch.setattr(store, "announce", counted)
    monkeypatch.setattr(store, "BATCH", 2)
    acme, other = kit.rows.organization("Acme"), kit.rows.organization("Other")
    unit = kit.rows.unit(acme, "Unit")
    users = [kit.user(f"u{number}", has_access=True) for number in range(5)]
    for user in users:
        kit.rows.access(user, acme, unit)
        session(kit, user)
    kit.rows.access(users[3], other)
    stranger = kit.user("stranger", has_access=True)
    kit.rows.access(stranger, other, kit.rows.unit(other, "Unit"))
    session(kit, stranger)
    organizations = kit.management.organizations
    assert organizations.disable(acme, reason=WHY, caller=ROOT).version == 2
    assert batches == [users[0:2], users[2:4], users[4:]]
    assert sessions(kit) == {users[3], stranger}
    assert organizations.disable(acme, reason=WHY, caller=ROOT).version == 2
    assert [o.fields.name for o in organizations.list(Window(), enabled=False).items] == ["Acme"]
    assert [o.fields.name for o in organizations.list(Window(), enabled=True).items] == ["Other"]
    assert organizations.enable(acme, reason=WHY, caller=ROOT).fields.enabled
    lost = [users[0], users[1], users[2], users[4]]
    assert [(event["action"], event["subject_id"], event.get("reason")) for event in kit.audit()] == [
        ("organization.disabled", acme, WHY),
        *(("access.revoked", user, None) for user in lost),
        ("organization.enabled", acme, WHY),
        *(("access.granted", user, None) for user in lost),
    ]
    assert {event["actor"] for event in kit.audit()} == {"root"}


def test_the_last_administrator_is_not_kept_out(kit: Kit) -> None:
    organizations = kit.management.organizations
    acme, other = kit.rows.organization("Acme"), kit.rows.organization("Other")
    kit.administrator("root", organization=acme, unit=kit.rows.unit(acme, "Unit"))
    with pytest.raises(LastAdministratorError, match="without Acme"):
        organizations.disable(acme, reason=WHY, caller=ROOT)
    assert organizations.get(acme).fields.enabled
    # one who cannot log in is of no use
    second = kit.administrator("second", organization=other, unit=kit.rows.unit(other, "Unit"))
    kit.rows.access(second, other)
    assert not organizations.disable(acme, reason=WHY, caller=ROOT).fields.enabled
    with pytest.raises(LastAdministratorError):
        organizations.disable(other, reason=WHY, caller=ROOT)
    assert kit.actions() == ["organization.disabled"]


def test_an_administrator_who_needs_a_new_password_counts(kit: Kit) -> None:
    acme, other = kit.rows.organization("Acme"), kit.rows.organization("Other")
    kit.administrator("root", organization=acme, unit=kit.rows.unit(acme, "Unit"))
    second = kit.user("second", auth_status="reset")
    kit.rows.access(second, other, kit.rows.unit(other, "Unit"))
    with read(kit.engine) as connection:
        kit_role = connection.scalar(select(t.roles.c.id))
    assert kit_role is not None
    kit.rows.grant(second, kit_role)
    organizations = kit.management.organizations
    assert not organizations.disable(acme, reason=WHY, caller=ROOT).fields.enabled
    with pytest.raises(LastAdministratorError):
        organizations.disable(other, reason=WHY, caller=ROOT)


def test_a_disabled_administrator_does_not_count(kit: Kit) -> None:
    acme, other = kit.rows.organization("Acme"), kit.rows.organization("Other")
    kit.administrator("root", organization=acme, unit=kit.rows.unit(acme, "Unit"))
    off, unit = kit.user("off", enabled=False), kit.rows.unit(other, "Unit")
    kit.rows.access(off, other, unit)
    with read(kit.engine) as connection:
        role = connection.scalar(select(t.roles.c.id))
    assert role is not None
    kit.rows.grant(off, role)
    with pytest.raises(LastAdministratorError):
        kit.management.organizations.disable(acme, reason=WHY, caller=ROOT)


def test_a_site_without_any_administrator_may_switch(kit: Kit) -> None:
    acme = kit.rows.organization("Acme")
    assert not kit.management.organizations.disable(acme, reason=WHY, caller=ROOT).fields.enabled


def test_nobody_switches_the_login_of_people_who_may_do_more(kit: Kit) -> None:
    organizations, acme = kit.management.organizations, kit.rows.organization("Acme")
    role = kit.management.roles.create(RoleFields(name="strong", permissions=("users:delete",)), caller=ROOT)
    strong = kit.user("strong")
    kit.rows.access(strong, acme)
    kit.rows.grant(strong, role.id)
    anna = kit.caller("structure:write")
    with pytest.raises(AboveCallerError, match="users:delete"):
        organizations.disable(acme, reason=WHY, caller=anna)
    # who has another organization loses nothing by it
    kit.rows.access(strong, kit.rows.organization("Other"))
    assert not organizations.disable(acme, reason=WHY, caller=anna).fields.enabled


def test_a_switch_needs_a_reason(kit: Kit) -> None:
    acme = kit.rows.organization("Acme")
    for reason in ("", "  x ", "a" * 501, "line\nbreak"):
        with pytest.raises(UsageError, match="reason"):
            kit.management.organizations.disable(acme, reason=reason, caller=ROOT)
    assert kit.actions() == []
