"""What roles people have and what is stored with these, for whoever decides who may do what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, exists, or_, select

from syncd.accounts.permissions import HeldRole
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read

_ROLE = (t.roles.c.id, t.roles.c.name, t.roles.c.organization_id)


class SqlPermissions:
    """`PermissionStore` of services.ports_people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def roles_of_user(self, user_id: int) -> tuple[HeldRole, ...]:
        with read(self._engine) as connection:
            return roles_of_user(connection, user_id)

    def roles_by_id(self, role_ids: Collection[int]) -> Mapping[int, HeldRole]:
        with read(self._engine) as connection:
            return roles_by_id(connection, role_ids)

    def stored_names(self) -> Mapping[str, int]:
        with read(self._engine) as connection:
            held: dict[str, int] = defaultdict(int)
            for name in connection.scalars(select(t.role_permissions.c.permission)):
                held[name] += 1
            return dict(sorted(held.items()))


def roles_by_id(connection: Connection, role_ids: Collection[int]) -> dict[int, HeldRole]:
    """Number -> role, of those that exist."""
    rows = connection.execute(select(*_ROLE).where(among(connection, t.roles.c.id, role_ids))).all()
    return _held(connection, rows)


def counts_for(user_id: int) -> ColumnElement[bool]:
    """Whether a role gives the user anything: one of an organization only where they have access to it, which a run may take
    away from under a role that was given by hand (S23)."""
    access, organization = t.access.c, t.roles.c.organization_id
    reached = exists().where(access.user_id == user_id, access.organization_id == organization)
    return or_(organization.is_(None), reached)


def roles_of_user(connection: Connection, user_id: int) -> tuple[HeldRole, ...]:
    """Their roles that count, each once whatever gave it, with what each holds."""
    roles, held = t.roles.c, t.role_permissions.c
    query = (
        select(roles.id, roles.name, roles.organization_id, held.permission)
        .select_from(t.grants.join(t.roles, roles.id == t.grants.c.role_id))
        .outerjoin(t.role_permissions, held.role_id == roles.id)
        .where(t.grants.c.user_id == user_id, counts_for(user_id))
    )
    found: dict[int, tuple[str, int | None, set[str]]] = {}
    for number, name, organization, permission in connection.execute(query):
        permissions = found.setdefault(number, (name, organization, set()))[2]
        permissions |= {permission} if permission is not None else set()
    return tuple(
        HeldRole(name=name, organization_id=organization, permissions=frozenset(permissions))
        for name, organization, permissions in found.values()
    )


def _held(connection: Connection, rows: Iterable[Any]) -> dict[int, HeldRole]:
    rows = list(rows)
    p, names = t.role_permissions.c, defaultdict(set)
    numbers = [row.id for row in rows]
    for number, name in connection.execute(select(p.role_id, p.permission).where(among(connection, p.role_id, numbers))):
        names[number].add(name)
    return {
        row.id: HeldRole(name=row.name, organization_id=row.organization_id, permissions=frozenset(names[row.id]))
        for row in rows
    }
