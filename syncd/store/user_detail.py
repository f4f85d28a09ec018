"""Everything about one user, from one state of the store: the person as lists have them, and what only a view shows."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from syncd.errors import NotFoundError
from syncd.model.useredit import AccessDetail, Named, RoleDetail, UserDetail
from syncd.model.views import MANUAL
from syncd.store import schema as t
from syncd.store.queries_journal import dn_periods
from syncd.store.queries_people import people_by_ids
from syncd.store.user_rules import unit_paths


def user_detail(connection: Connection, user_id: int, *, now: datetime) -> UserDetail:
    """Raises NotFoundError."""
    people = people_by_ids(connection, [user_id], now=now)
    if not people:
        raise NotFoundError(f"there is no user {user_id}")
    row = connection.execute(select(t.users).where(t.users.c.id == user_id)).one()
    avatars, passwords = t.user_avatars.c, t.passwords.c
    avatar = connection.execute(select(avatars.media_type, avatars.digest).where(avatars.user_id == user_id)).one_or_none()
    return UserDetail(
        person=people[0],
        username_released=row.username is not None and row.username_key is None,
        email_released=row.email is not None and row.email_key is None,
        owner_unit=_owner_unit(connection, row.owner_unit_id),
        roles=_roles(connection, user_id),
        access=_access(connection, user_id),
        groups=_groups(connection, user_id),
        locked_at=row.locked_at,
        password_set_at=connection.scalar(select(func.max(passwords.set_at)).where(passwords.user_id == user_id)),
        avatar_type=avatar.media_type if avatar is not None else None,
        avatar_digest=avatar.digest if avatar is not None else None,
        sessions=_count(connection, t.sessions, user_id, t.sessions.c.expires_at > now),
        api_keys=_count(connection, t.api_keys, user_id),
        records=_records(connection, user_id),
        dn_history=dn_periods(connection, user_id),
    )


def _owner_unit(connection: Connection, number: int | None) -> Named | None:
    found = unit_paths(connection, [number]).get(number) if number is not None else None
    return Named(id=number, name=found[1]) if found is not None and number is not None else None


def _roles(connection: Connection, user_id: int) -> tuple[RoleDetail, ...]:
    grants, roles = t.grants.c, t.roles.c
    query = (
        select(roles.id, roles.name, roles.organization_id, t.organizations.c.name.label("organization"),
               t.directories.c.name.label("source"))
        .join_from(t.grants, t.roles, roles.id == grants.role_id)
        .outerjoin(t.organizations, t.organizations.c.id == roles.organization_id)
        .outerjoin(t.directories, t.directories.c.id == grants.directory_id)
        .where(grants.user_id == user_id)
        .order_by(roles.name_key, roles.id)
    )  # fmt: skip
    rows: dict[int, Any] = {}
    sources: defaultdict[int, set[str]] = defaultdict(set)
    for row in connection.execute(query):
        rows[row.id] = row
        sources[row.id].add(row.source or MANUAL)
    return tuple(
        RoleDetail(
            id=number,
            name=row.name,
            organization_id=row.organization_id,
            organization=row.organization,
            sources=tuple(sorted(sources[number])),
        )
        for number, row in rows.items()
    )


def _access(connection: Connection, user_id: int) -> tuple[AccessDetail, ...]:
    access, organizations = t.access.c, t.organizations.c
    query = (
        select(
            organizations.id, organizations.name, organizations.enabled, access.unit_id, t.directories.c.name.label("source")
        )
        .join_from(t.access, t.organizations, organizations.id == access.organization_id)
        .outerjoin(t.directories, t.directories.c.id == access.directory_id)
        .where(access.user_id == user_id)
        .order_by(organizations.name_key, access.unit_id, access.directory_id)
    )
    rows = connection.execute(query).all()
    units = unit_paths(connection, {row.unit_id for row in rows if row.unit_id is not None})
    return tuple(
        AccessDetail(
            organization_id=row.id,
            organization=row.name,
            organization_enabled=row.enabled,
            unit_id=row.unit_id,
            unit=units[row.unit_id][1] if row.unit_id in units else None,
            source=row.source or MANUAL,
        )
        for row in rows
    )


def _groups(connection: Connection, user_id: int) -> tuple[Named, ...]:
    groups, members = t.groups.c, t.group_members.c
    query = select(groups.id, groups.name).join(t.group_members, members.group_id == groups.id)
    rows = connection.execute(query.where(members.user_id == user_id).order_by(groups.name_key))
    return tuple(Named(id=number, name=name) for number, name in rows)


def _count(connection: Connection, table: Any, user_id: int, *conditions: Any) -> int:
    query = select(func.count()).select_from(table).where(table.c.user_id == user_id, *conditions)
    return connection.execute(query).scalar_one()


def _records(connection: Connection, user_id: int) -> dict[str, int]:
    records = t.owned_records.c
    query = select(records.system, func.count()).where(records.user_id == user_id).group_by(records.system)
    return dict(connection.execute(query.order_by(records.system)).all())
