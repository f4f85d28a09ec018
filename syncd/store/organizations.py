"""Organizations as people manage them: lists, and changes by hand with their audit events.

What a directory made is the directory's but for the switch: no run ever enables or disables an organization.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, exists, func, insert, not_, select, update

from syncd.accounts.permissions import HeldRole
from syncd.errors import LastAdministratorError, ManagedFieldError, NotFoundError
from syncd.model.caller import Caller
from syncd.model.structure import Organization, OrganizationFields, Window
from syncd.model.text import fold
from syncd.model.views import Page
from syncd.store import schema as t
from syncd.store.administrators import somebody_administers
from syncd.store.among import among
from syncd.store.announce import announce
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.named import locked, named_page, require_free, require_unused
from syncd.store.permissions import roles_by_id

# people told of in one transaction, so that no other writer waits long
BATCH = 500

_a, _o = t.access.c, t.organizations.c
# what keeps it from being deleted
_USES = (
    (_a.organization_id, _a.user_id, "people have access to it"),
    (t.units.c.organization_id, t.units.c.id, "units are in it"),
    (t.roles.c.organization_id, t.roles.c.id, "roles are for it"),
    (t.api_keys.c.organization_id, t.api_keys.c.id, "API keys are for it"),
    (t.organization_sources.c.organization_id, t.organization_sources.c.directory_id, "directories use it"),
)


class SqlOrganizations:
    """`OrganizationStore` of services.ports_structure."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ looking
    def list(self, window: Window, *, enabled: bool | None = None) -> Page[Organization]:
        conditions = [] if enabled is None else [_o.enabled if enabled else not_(_o.enabled)]
        with read(self._engine) as connection:
            rows, following = named_page(connection, t.organizations, window, texts=("name",), conditions=conditions)
            return Page(items=tuple(_organizations(connection, rows)), next=following)

    def get(self, organization_id: int) -> Organization:
        with read(self._engine) as connection:
            return _organization(connection, organization_id)

    def by_name(self, name: str) -> int | None:
        with read(self._engine) as connection:
            return connection.scalar(select(_o.id).where(_o.name_key == fold(name)))

    # ------------------------------------------------------------ changing
    def create(self, fields: OrganizationFields, *, caller: Caller, at: datetime) -> Organization:
        with write(self._engine) as connection:
            require_free(connection, t.organizations, fields.name, "organization")
            number = new_organization(connection, fields, journal=Journal(connection, caller=caller, at=at))
            return _organization(connection, number)

    def rename(
        self, organization_id: int, name: str | None, *, if_match: int | None, caller: Caller, at: datetime
    ) -> Organization:
        with write(self._engine) as connection:
            row = locked(connection, t.organizations, organization_id, "organization", if_match=if_match)
            if name is not None and name != row.name:
                _require_ours(connection, row, "its name")
                require_free(connection, t.organizations, name, "organization", own=organization_id)
                _set(connection, row, at=at, name=name, name_key=fold(name))
                journal = Journal(connection, caller=caller, at=at)
                was, now = {"name": row.name}, {"name": name}
                journal.note("organization.updated", "organization", organization_id, before=was, after=now)
            return _organization(connection, organization_id)

    def switch(
        self,
        organization_id: int,
        allow: Callable[[Sequence[HeldRole]], None],
        *,
        enabled: bool,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> Organization:
        with write(self._engine) as connection:
            row = locked(connection, t.organizations, organization_id, "organization", if_match=if_match)
            if enabled == row.enabled:
                return _organization(connection, organization_id)
            allow(list(roles_by_id(connection, _roles_that_hang_on(connection, organization_id)).values()))
            administered = enabled or somebody_administers(connection, administrator_roles, now=at)
            _set(connection, row, at=at, enabled=enabled)
            if not enabled and administered and not somebody_administers(connection, administrator_roles, now=at):
                raise LastAdministratorError(f"without {row.name}, nobody who can log in would be an administrator")
            journal = Journal(connection, caller=caller, at=at)
            action = "organization.enabled" if enabled else "organization.disabled"
            was, now = {"enabled": row.enabled}, {"enabled": enabled}
            journal.note(action, "organization", organization_id, before=was, after=now, reason=reason)
            return _organization(connection, organization_id)

    def announce(self, organization_id: int, *, after: int, caller: Caller, at: datetime) -> int | None:
        theirs = select(_a.user_id).where(_a.organization_id == organization_id, _a.user_id > after)
        with write(self._engine) as connection:
            users = connection.scalars(theirs.distinct().order_by(_a.user_id).limit(BATCH)).all()
            if not users:
                return None
            announce(connection, users, journal=Journal(connection, caller=caller, at=at))
        return int(users[-1])

    def delete(self, organization_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        with write(self._engine) as connection:
            row = locked(connection, t.organizations, organization_id, "organization", if_match=if_match)
            _require_ours(connection, row, "it")
            require_unused(connection, row, "organization", _USES)
            connection.execute(delete(t.organizations).where(_o.id == organization_id))
            before = {"name": row.name, "enabled": row.enabled}
            journal = Journal(connection, caller=caller, at=at)
            journal.note("organization.deleted", "organization", organization_id, before=before, reason=reason)


def new_organization(connection: Connection, fields: OrganizationFields, *, journal: Journal) -> int:
    """Insert one; its number."""
    row = {"name": fields.name, "name_key": fold(fields.name), "enabled": fields.enabled}
    made = insert(t.organizations).values(**row, created_at=journal.at, updated_at=journal.at).returning(_o.id)
    number = int(connection.execute(made).scalar_one())
    journal.note("organization.created", "organization", number, after={"name": fields.name, "enabled": fields.enabled})
    return number


# ---------------------------------------------------------------- rows
def _organization(connection: Connection, organization_id: int) -> Organization:
    row = connection.execute(select(t.organizations).where(_o.id == organization_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no organization {organization_id}")
    return next(_organizations(connection, [row]))


def _organizations(connection: Connection, rows: Sequence[Row[Any]]) -> Iterator[Organization]:
    numbers = [row.id for row in rows]
    s, u = t.organization_sources.c, t.units.c
    names = dict(connection.execute(select(t.directories.c.id, t.directories.c.name)).all())
    directories: dict[int, list[str]] = defaultdict(list)
    query = select(s.organization_id, s.directory_id).where(among(connection, s.organization_id, numbers))
    for number, directory in connection.execute(query):
        directories[number].append(names[directory])
    counted = select(_a.organization_id, func.count(_a.user_id.distinct())).group_by(_a.organization_id)
    users: dict[int, int] = dict(connection.execute(counted.where(among(connection, _a.organization_id, numbers))).all())
    counted = select(u.organization_id, func.count()).group_by(u.organization_id)
    units: dict[int, int] = dict(connection.execute(counted.where(among(connection, u.organization_id, numbers))).all())
    for row in rows:
        yield Organization(
            id=row.id,
            fields=OrganizationFields(name=row.name, enabled=row.enabled),
            directories=tuple(sorted(directories[row.id])),
            managed_by=names.get(row.directory_id),
            users=users.get(row.id, 0),
            units=units.get(row.id, 0),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


def _set(connection: Connection, row: Row[Any], *, at: datetime, **values: Any) -> None:
    changed = update(t.organizations).where(_o.id == row.id)
    connection.execute(changed.values(version=row.version + 1, updated_at=at, **values))


# ---------------------------------------------------------------- guards
def _require_ours(connection: Connection, row: Row[Any], what: str) -> None:
    """Raises ManagedFieldError."""
    if row.directory_id is not None:
        name = connection.scalar(select(t.directories.c.name).where(t.directories.c.id == row.directory_id))
        raise ManagedFieldError(f"the organization {row.name} comes from directory {name}, which decides {what}")


def _roles_that_hang_on(connection: Connection, organization_id: int) -> set[int]:
    """Roles of those who have access to this organization and to no other that is enabled."""
    other = t.access.alias().c
    enabled = select(_o.id).where(_o.enabled, _o.id != organization_id)
    elsewhere = exists().where(other.user_id == _a.user_id, other.organization_id.in_(enabled))
    people = select(_a.user_id).where(_a.organization_id == organization_id, not_(elsewhere))
    return set(connection.scalars(select(t.grants.c.role_id).where(t.grants.c.user_id.in_(people)).distinct()))
