"""Whether somebody is left who can administer: asked in the transaction that would take an administrator away.

All transactions that write audit events take turns (syncd.store.engine), so two administrators cannot disable each other at the
same moment. A lock by failed logins never asks: whoever guesses must not go on because the account is an important one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select

from syncd.errors import LastAdministratorError
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.accounts import shuts_out
from syncd.store.among import among


def require_other_administrator(
    connection: Connection, user_id: int, *, administrator_roles: Collection[str], now: datetime
) -> None:
    """Raises LastAdministratorError when the user is an administrator, and no other one could act at that moment."""
    if is_administrator(connection, user_id, administrator_roles=administrator_roles) and not somebody_administers(
        connection, administrator_roles, now=now, but=user_id
    ):
        raise LastAdministratorError(f"user {user_id} is the last administrator who can act")


def is_administrator(connection: Connection, user_id: int, *, administrator_roles: Collection[str]) -> bool:
    """Whether a user has one of the roles, whatever state they are in."""
    grants = select(t.grants.c.user_id).where(t.grants.c.user_id == user_id, administers(connection, administrator_roles))
    return connection.execute(grants.limit(1)).first() is not None


def somebody_administers(
    connection: Connection, administrator_roles: Collection[str], *, now: datetime, but: int | None = None
) -> bool:
    """Whether anybody, but this user, has one of these roles system-wide and can act at that moment.

    That is: whom the login gate (syncd.accounts.gate) lets in, or would after a new password, since those who wait for one can
    get it by themselves. So they are enabled, not locked, have an enabled organization and a unit, and no directory of theirs
    has lost them or keeps their account off. Role names in any spelling.
    """
    query = (
        select(t.users.c.id)
        .join(t.grants, t.grants.c.user_id == t.users.c.id)
        .where(administers(connection, administrator_roles), t.users.c.auth_status != "locked", _reaches_something())
        .where(_is_on(now))
    )
    if but is not None:
        query = query.where(t.users.c.id != but)
    return connection.execute(query.limit(1)).first() is not None


def administers(connection: Connection, administrator_roles: Collection[str]) -> ColumnElement[bool]:
    """Whether a grant is of one of these roles. A role of one organization gives nothing of syncd's own."""
    keys = sorted({fold(name) for name in administrator_roles})
    roles = select(t.roles.c.id).where(among(connection, t.roles.c.name_key, keys), t.roles.c.organization_id.is_(None))
    return t.grants.c.role_id.in_(roles)


def _is_on(now: datetime) -> ColumnElement[bool]:
    """Whether a user is enabled, and no directory of theirs has lost them or keeps their account off."""
    identity = t.identities.alias("there").c
    off = exists().where(identity.user_id == t.users.c.id, or_(identity.missing_since.is_not(None), shuts_out(now, identity)))
    return and_(t.users.c.enabled, or_(t.users.c.manual, not_(off)))


def _reaches_something() -> ColumnElement[bool]:
    """Whether a user has access to an enabled organization, and to a unit."""
    access, organizations = t.access.c, t.organizations.c
    enabled = exists().where(access.user_id == t.users.c.id, organizations.id == access.organization_id, organizations.enabled)
    return and_(enabled, exists().where(access.user_id == t.users.c.id, access.unit_id.is_not(None)))
