"""What people belong to: roles, role identifiers, organizations and units, with how many people each has."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from syncd.model.text import fold
from syncd.model.views import OrganizationView, RoleIdentifierView, RoleView, UnitView, unit_path
from syncd.store import schema as t
from syncd.store.queries_person import path_names


def list_roles(connection: Connection) -> tuple[RoleView, ...]:
    """All roles of the store, by name."""
    holders = _people_per(t.grants.c.role_id, t.grants.c.user_id)
    query = (
        select(t.roles.c.id, t.roles.c.name, t.roles.c.description, t.organizations.c.name, _number(holders))
        .outerjoin(t.organizations, t.organizations.c.id == t.roles.c.organization_id)
        .outerjoin(holders, holders.c.of == t.roles.c.id)
        .order_by(t.roles.c.name_key)
    )
    return tuple(
        RoleView(id=number, name=name, description=description, organization=organization, users=users)
        for number, name, description, organization, users in _rows(connection, query)
    )


def list_role_identifiers(connection: Connection, *, directory: str | None = None) -> tuple[RoleIdentifierView, ...]:
    """The role identifiers of one directory or of all, by directory and identifier, whether or not a role follows from them."""
    members = _present_members()
    query = (
        select(t.directories.c.name, t.role_identifiers.c.identifier, t.role_identifiers.c.dn, _number(members))
        .join(t.directories, t.directories.c.id == t.role_identifiers.c.directory_id)
        .outerjoin(members, members.c.of == t.role_identifiers.c.id)
    )
    if directory is not None:
        query = query.where(t.directories.c.name == directory)
    found = [
        RoleIdentifierView(directory=name, identifier=identifier, dn=dn, members=count)
        for name, identifier, dn, count in _rows(connection, query)
    ]
    return tuple(sorted(found, key=lambda view: (view.directory, fold(view.identifier), view.identifier, view.dn or "")))


def list_organizations(connection: Connection) -> tuple[OrganizationView, ...]:
    """All organizations, by name."""
    sources: dict[int, list[str]] = defaultdict(list)
    query = select(t.organization_sources.c.organization_id, t.directories.c.name).join(
        t.directories, t.directories.c.id == t.organization_sources.c.directory_id
    )
    for number, directory in _rows(connection, query):
        sources[number].append(directory)
    people = _people_per(t.access.c.organization_id, t.access.c.user_id)
    organizations = t.organizations.c
    query = select(organizations.id, organizations.name, organizations.enabled, _number(people)).outerjoin(
        people, people.c.of == organizations.id
    )
    return tuple(
        OrganizationView(id=number, name=name, enabled=enabled, directories=tuple(sorted(sources[number])), users=users)
        for number, name, enabled, users in _rows(connection, query.order_by(organizations.name_key))
    )


def list_units(connection: Connection) -> tuple[UnitView, ...]:
    """All units, organization by organization, each directly after the one it lies in, brothers by name."""
    people = _people_per(t.access.c.unit_id, t.access.c.user_id)
    units = t.units.c
    query = (
        select(units.id, units.parent_id, units.name, t.organizations.c.name, t.directories.c.name, _number(people))
        .join(t.organizations, t.organizations.c.id == units.organization_id)
        .outerjoin(t.directories, t.directories.c.id == units.directory_id)
        .outerjoin(people, people.c.of == units.id)
    )
    rows = _rows(connection, query)
    tree = {row[0]: (row[1], row[2]) for row in rows}
    listed = []
    for number, parent, name, organization, directory, users in rows:
        names = path_names(number, tree)
        view = UnitView(
            id=number, organization=organization, parent_id=parent, name=name, path=unit_path(names), depth=len(names) - 1,
            directory=directory, users=users,
        )  # fmt: skip
        listed.append(((fold(organization), organization, [(fold(part), part) for part in names], number), view))
    return tuple(view for _, view in sorted(listed, key=lambda pair: pair[0]))


def _people_per(column: Any, user: Any) -> Any:
    """For each value of the column the number of different people."""
    counted = select(column.label("of"), func.count(user.distinct()).label("people"))
    return counted.group_by(column).subquery()


def _present_members() -> Any:
    """For each role identifier the number of people who have it, without those who are gone from its directory."""
    identifiers, identities = t.role_identifiers.c, t.identities.c
    here = and_(identities.user_id == t.memberships.c.user_id, identities.directory_id == identifiers.directory_id)
    return (
        select(identifiers.id.label("of"), func.count().label("people"))
        .select_from(t.memberships)
        .join(t.role_identifiers, identifiers.id == t.memberships.c.role_identifier_id)
        .join(t.identities, here)
        .where(identities.missing_since.is_(None))
        .group_by(identifiers.id)
        .subquery()
    )


def _number(counted: Any) -> Any:
    return func.coalesce(counted.c.people, 0)


def _rows(connection: Connection, query: Select[Any]) -> list[Any]:
    return list(connection.execute(query))
