"""Whether somebody is left who can administer: asked in the transaction that would take an administrator away.

All transactions that write audit events take turns (syncd.store.engine), so two administrators cannot disable each other at the
same moment.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, not_, or_, select

from syncd.errors import LastAdministratorError
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.accounts import shuts_out
from syncd.store.among import among


def require_other_administrator(
    connection: Connection, user_id: int, *, administrator_roles: Collection[str], now: datetime
) -> None:
    """Raises LastAdministratorError when the user is an administrator, and no other one could act at that moment."""
    if is_administrator(connection, user_id, administrator_roles=administrator_roles) and not other_administrator(
        connection, user_id, administrator_roles=administrator_roles, now=now
    ):
        raise LastAdministratorError(f"user {user_id} is the last administrator who can act")


def is_administrator(connection: Connection, user_id: int, *, administrator_roles: Collection[str]) -> bool:
    """Whether a user has one of the roles, whatever state they are in."""
    grants = select(t.grants.c.user_id).where(t.grants.c.user_id == user_id, _administers(connection, administrator_roles))
    return connection.execute(grants.limit(1)).first() is not None


def other_administrator(connection: Connection, user_id: int, *, administrator_roles: Collection[str], now: datetime) -> bool:
    """Whether somebody else has one of the roles, is enabled and not locked, and no directory keeps their account off.

    Who waits for a new password can get it by themselves, so they count.
    """
    identity = t.identities.alias("there").c
    off = exists().where(identity.user_id == t.users.c.id, or_(identity.missing_since.is_not(None), shuts_out(now, identity)))
    query = (
        select(t.users.c.id)
        .join(t.grants, t.grants.c.user_id == t.users.c.id)
        .where(
            _administers(connection, administrator_roles),
            t.users.c.id != user_id,
            t.users.c.enabled,
            t.users.c.auth_status != "locked",
            or_(t.users.c.manual, not_(off)),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def _administers(connection: Connection, administrator_roles: Collection[str]) -> ColumnElement[bool]:
    keys = sorted({fold(name) for name in administrator_roles})
    roles = select(t.roles.c.id).where(among(connection, t.roles.c.name_key, keys), t.roles.c.organization_id.is_(None))
    return t.grants.c.role_id.in_(roles)
