"""What a person has access to: organizations, units with all below them, roles with their permissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from syncd.errors import NotFoundError
from syncd.model.access import AccessFacts, AccessOrganization, AccessRole, AccessUnit
from syncd.model.text import fold
from syncd.model.views import unit_path
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read
from syncd.store.permissions import counts_for
from syncd.store.queries_people import people_by_ids
from syncd.store.queries_person import path_names


class SqlAccess:
    """`AccessStore` of services.access."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def access(self, user_id: int, *, now: datetime) -> AccessFacts:
        with read(self._engine) as connection:
            people = people_by_ids(connection, [user_id], now=now)
            if not people:
                raise NotFoundError(f"there is no user {user_id}")
            a = t.access.c
            given = connection.execute(select(a.organization_id, a.unit_id).where(a.user_id == user_id).distinct()).all()
            return AccessFacts(
                id=user_id,
                username=people[0].username,
                reasons=people[0].reasons,
                organizations=_organizations(connection, {row.organization_id for row in given}),
                units=_units(connection, given),
                roles=_roles(connection, user_id),
            )

    def user_called(self, username: str) -> int | None:
        key = fold(username)
        if not key or "\x00" in key:
            return None
        with read(self._engine) as connection:
            found: int | None = connection.scalar(select(t.users.c.id).where(t.users.c.username_key == key))
        return found


def _organizations(connection: Connection, numbers: set[int]) -> tuple[AccessOrganization, ...]:
    o = t.organizations.c
    query = select(o.id, o.name, o.enabled).where(among(connection, o.id, sorted(numbers))).order_by(o.name_key)
    return tuple(AccessOrganization(**row._mapping) for row in connection.execute(query))


def _units(connection: Connection, given: Sequence[Any]) -> tuple[AccessUnit, ...]:
    """Those that access was given to, and all below them."""
    direct = {row.unit_id for row in given if row.unit_id is not None}
    if not direct:
        return ()
    u = t.units.c
    where = among(connection, u.organization_id, sorted({row.organization_id for row in given}))
    rows = connection.execute(select(u.id, u.parent_id, u.name, u.organization_id).where(where)).all()
    tree = {row.id: (row.parent_id, row.name) for row in rows}
    reached = {number: _above(number, tree) for number in tree}
    units = [
        AccessUnit(
            id=row.id,
            organization_id=row.organization_id,
            path=unit_path(path_names(row.id, tree)),
            direct=row.id in direct,
        )
        for row in rows
        if reached[row.id] & direct
    ]
    return tuple(sorted(units, key=lambda unit: (unit.organization_id, unit.path, unit.id)))


def _above(number: int, tree: Mapping[int, tuple[int | None, str]]) -> set[int]:
    """The unit and all above it. A circle, which should not be, ends it."""
    seen: set[int] = set()
    current: int | None = number
    while current is not None and current in tree and current not in seen:
        seen.add(current)
        current = tree[current][0]
    return seen


def _roles(connection: Connection, user_id: int) -> tuple[AccessRole, ...]:
    r, p = t.roles.c, t.role_permissions.c
    granted = select(t.grants.c.role_id).where(t.grants.c.user_id == user_id)
    counting = (r.id.in_(granted), counts_for(user_id))
    roles = connection.execute(select(r.id, r.name, r.organization_id).where(*counting).order_by(r.name_key)).all()
    names: dict[int, set[str]] = {row.id: set() for row in roles}
    for role_id, name in connection.execute(select(p.role_id, p.permission).where(p.role_id.in_(list(names)))):
        names[role_id].add(name)
    return tuple(AccessRole(**row._mapping, permissions=frozenset(names[row.id])) for row in roles)
