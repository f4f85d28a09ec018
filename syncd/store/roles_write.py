"""Roles as people manage them: lists, and changes by hand with their audit events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, not_, select, update

from syncd.errors import InUseError, NoSuchReferenceError, NotFoundError
from syncd.model.caller import Caller
from syncd.model.structure import Role, RoleFields, Window
from syncd.model.text import fold
from syncd.model.views import Page
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.named import differences, locked, named_page, require_free

_NAMES = ("name", "description", "organization_id", "permissions")


class SqlRoles:
    """`RoleStore` of services.ports_structure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ looking
    def list(self, window: Window, *, organization_id: int | None = None, system: bool = False) -> Page[Role]:
        conditions = []
        if organization_id is not None:
            conditions.append(t.roles.c.organization_id == organization_id)
        if system:
            conditions.append(t.roles.c.organization_id.is_(None))
        with read(self._engine) as connection:
            rows, following = named_page(connection, t.roles, window, texts=("name", "description"), conditions=conditions)
            return Page(items=tuple(_roles(connection, rows)), next=following)

    def get(self, role_id: int) -> Role:
        with read(self._engine) as connection:
            return _role(connection, role_id)

    def by_name(self, name: str) -> int | None:
        with read(self._engine) as connection:
            return connection.scalar(select(t.roles.c.id).where(t.roles.c.name_key == fold(name)))

    # ------------------------------------------------------------ changing
    def create(self, fields: RoleFields, *, caller: Caller, at: datetime) -> Role:
        with write(self._engine) as connection:
            require_free(connection, t.roles, fields.name, "role")
            _require_organization(connection, fields.organization_id)
            made = insert(t.roles).values(**_columns(fields), created_at=at, updated_at=at).returning(t.roles.c.id)
            number = int(connection.execute(made).scalar_one())
            _write_permissions(connection, number, fields.permissions)
            Journal(connection, caller=caller, at=at).note("role.created", "role", number, after=asdict(fields))
            return _role(connection, number)

    def edit(
        self, role_id: int, change: Callable[[RoleFields], RoleFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Role:
        with write(self._engine) as connection:
            row = locked(connection, t.roles, role_id, "role", if_match=if_match)
            before = next(_roles(connection, [row])).fields
            fields = change(before)
            if fields == before:
                return _role(connection, role_id)
            require_free(connection, t.roles, fields.name, "role", own=role_id)
            if fields.organization_id != before.organization_id:
                _require_organization(connection, fields.organization_id)
                _require_access_of_holders(connection, role_id, fields.organization_id)
            values = {**_columns(fields), "version": row.version + 1, "updated_at": at}
            connection.execute(update(t.roles).where(t.roles.c.id == role_id).values(values))
            if fields.permissions != before.permissions:
                connection.execute(delete(t.role_permissions).where(t.role_permissions.c.role_id == role_id))
                _write_permissions(connection, role_id, fields.permissions)
            was, now = differences(before, fields, _NAMES)
            Journal(connection, caller=caller, at=at).note("role.updated", "role", role_id, before=was, after=now)
            return _role(connection, role_id)

    def delete(
        self,
        role_id: int,
        allow: Callable[[RoleFields], None],
        *,
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> None:
        with write(self._engine) as connection:
            row = locked(connection, t.roles, role_id, "role", if_match=if_match)
            role = next(_roles(connection, [row]))
            allow(role.fields)
            if role.users:
                raise InUseError(
                    f"{role.users} people have the role {role.fields.name}", advice="Take it from them, or give them another."
                )
            connection.execute(delete(t.roles).where(t.roles.c.id == role_id))
            journal = Journal(connection, caller=caller, at=at)
            journal.note("role.deleted", "role", role_id, before=asdict(role.fields), reason=reason)


# ---------------------------------------------------------------- rows
def _role(connection: Connection, role_id: int) -> Role:
    row = connection.execute(select(t.roles).where(t.roles.c.id == role_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no role {role_id}")
    return next(_roles(connection, [row]))


def _roles(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Role]:
    """The roles of these rows, one after another."""
    numbers = [row.id for row in rows]
    p, g, o = t.role_permissions.c, t.grants.c, t.organizations.c
    names: dict[int, list[str]] = defaultdict(list)
    query = select(p.role_id, p.permission).where(among(connection, p.role_id, numbers)).order_by(p.permission)
    for number, name in connection.execute(query):
        names[number].append(name)
    query = select(g.role_id, func.count(g.user_id.distinct())).where(among(connection, g.role_id, numbers))
    users: dict[int, int] = dict(connection.execute(query.group_by(g.role_id)).all())
    owners = {row.organization_id for row in rows if row.organization_id is not None}
    organizations: dict[int, str] = dict(connection.execute(select(o.id, o.name).where(among(connection, o.id, owners))).all())
    for row in rows:
        fields = RoleFields(
            name=row.name,
            description=row.description,
            organization_id=row.organization_id,
            permissions=tuple(names[row.id]),
        )
        yield Role(
            id=row.id,
            fields=fields,
            organization=organizations.get(row.organization_id),
            users=users.get(row.id, 0),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _columns(fields: RoleFields) -> dict[str, Any]:
    return {
        "name": fields.name,
        "name_key": fold(fields.name),
        "description": fields.description,
        "organization_id": fields.organization_id,
    }


def _write_permissions(connection: Connection, role_id: int, names: Sequence[str]) -> None:
    if names:
        connection.execute(insert(t.role_permissions), [{"role_id": role_id, "permission": name} for name in names])


def _require_organization(connection: Connection, organization_id: int | None) -> None:
    if organization_id is None:
        return
    if connection.scalar(select(t.organizations.c.id).where(t.organizations.c.id == organization_id)) is None:
        raise NoSuchReferenceError(f"there is no organization {organization_id}")


def _require_access_of_holders(connection: Connection, role_id: int, organization_id: int | None) -> None:
    """A role of one organization is for people who have access to it (S23). Raises InUseError."""
    if organization_id is None:
        return
    g, a = t.grants.c, t.access.c
    inside = exists().where(a.user_id == g.user_id, a.organization_id == organization_id)
    count = connection.scalar(select(func.count(g.user_id.distinct())).where(g.role_id == role_id, not_(inside)))
    if count:
        raise InUseError(f"{count} people with this role have no access to organization {organization_id}")
