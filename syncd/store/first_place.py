"""Where the first administrator belongs: a role, an organization and a unit, made where they are missing (S18)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select

from syncd.errors import NoSuchReferenceError
from syncd.model.structure import OrganizationFields
from syncd.model.text import fold
from syncd.model.useredit import FirstPlace, Place
from syncd.store import schema as t
from syncd.store.journal import Journal
from syncd.store.organizations import new_organization


def make_place(journal: Journal, wanted: FirstPlace) -> tuple[int, Place]:
    """(role, place). Raises NoSuchReferenceError when the role is one of a single organization."""
    organization_name, unit_name = wanted.defaults
    role = _role(journal, wanted.role)
    organization = _organization(journal, wanted.organization, organization_name)
    return role, Place(organization, _unit(journal, organization, wanted.unit, unit_name))


def _role(journal: Journal, name: str) -> int:
    roles = t.roles.c
    found = journal.connection.execute(
        select(roles.id, roles.organization_id).where(roles.name_key == fold(name))
    ).one_or_none()
    if found is None:
        times = {"created_at": journal.at, "updated_at": journal.at}
        return _insert(journal, t.roles, "role", name, name_key=fold(name), **times)
    if found.organization_id is not None:
        raise NoSuchReferenceError(f"role {name!r} is of one organization only: it makes nobody an administrator of syncd")
    return int(found.id)


def _organization(journal: Journal, name: str | None, default: str) -> int:
    """The named one; without a name the default one, or else the first there is."""
    organizations = t.organizations.c
    by_name = select(organizations.id).where(organizations.name_key == fold(name or default))
    found = journal.connection.scalar(by_name)
    if found is None and name is None:
        enabled = select(organizations.id).where(organizations.enabled).order_by(organizations.id).limit(1)
        found = journal.connection.scalar(enabled)
    if found is not None:
        return int(found)
    return new_organization(journal.connection, OrganizationFields(name=name or default), journal=journal)


def _unit(journal: Journal, organization: int, name: str | None, default: str) -> int:
    """The named one at the top of the organization; without a name the default one, or else the first there is."""
    units = t.units.c
    top = (
        select(units.id, units.name).where(units.organization_id == organization, units.parent_id.is_(None)).order_by(units.id)
    )
    rows = journal.connection.execute(top).all()
    found = [row.id for row in rows if fold(row.name) == fold(name or default)]
    if not found and name is None:
        found = [row.id for row in rows]
    if found:
        return int(found[0])
    return _insert(journal, t.units, "unit", name or default, organization_id=organization)


def _insert(journal: Journal, table: Any, subject: str, name: str, **values: Any) -> int:
    row = insert(table).values(name=name, **values).returning(table.c.id)
    number = int(journal.connection.execute(row).scalar_one())
    told = {"name": name} | ({"organization_id": values["organization_id"]} if "organization_id" in values else {})
    journal.note(f"{subject}.created", subject, number, after=told)
    return number
