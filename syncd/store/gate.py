"""The login gate (syncd.accounts.gate) for many people at once: as a condition of SQL, and with its reasons; a test holds the
three together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select

from syncd.accounts.gate import login_reasons
from syncd.model.account import AccountState
from syncd.store import schema as t
from syncd.store.accounts import keeps_out
from syncd.store.among import among

_i, _a = t.identities.c, t.access.c
_theirs = _i.user_id == t.users.c.id
_present = _i.missing_since.is_(None)
# gone from a directory; manual users never are
missing = and_(not_(t.users.c.manual), exists().where(_theirs, _i.missing_since.is_not(None)))
disabled_there = and_(not_(t.users.c.manual), exists().where(_theirs, _present, _i.account_disabled))
# switched on, and every directory of theirs still has them and has not disabled them
active = and_(t.users.c.enabled, not_(missing), not_(disabled_there))
_enabled_organizations = select(t.organizations.c.id).where(t.organizations.c.enabled)
_ACCOUNT = tuple(_i[f"account_{name}"] for name in AccountState._fields)


def _has_access(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_a.user_id == t.users.c.id, condition)


def can_log_in(now: datetime) -> ColumnElement[bool]:
    """Whether the gate lets a row of `users` in at that moment; never NULL."""
    return and_(
        active,
        or_(t.users.c.manual, not_(exists().where(_theirs, _present, keeps_out(now)))),
        t.users.c.auth_status == "active",
        _has_access(_a.organization_id.in_(_enabled_organizations)),
        _has_access(_a.unit_id.in_(select(t.units.c.id))),
    )


def reasons_of(connection: Connection, user_ids: Collection[int], *, now: datetime) -> dict[int, tuple[str, ...]]:
    """Why each of these users cannot log in; empty for whoever can."""
    if not user_ids:
        return {}
    entries: defaultdict[int, list[Any]] = defaultdict(list)
    identities = select(_i.user_id, t.directories.c.name, _i.missing_since, *_ACCOUNT)
    identities = identities.join(t.directories, t.directories.c.id == _i.directory_id)
    for user_id, *entry in connection.execute(identities.where(among(connection, _i.user_id, user_ids))):
        entries[user_id].append(entry)
    organizations = _count(connection, _a.organization_id, _enabled_organizations, user_ids)
    units = _count(connection, _a.unit_id, select(t.units.c.id), user_ids)
    u = t.users.c
    users = connection.execute(select(u.id, u.enabled, u.auth_status, u.manual).where(among(connection, u.id, user_ids)))
    return {
        row.id: login_reasons(
            enabled=row.enabled,
            auth_status=row.auth_status,
            missing_in=[name for name, since, *_ in entries[row.id] if since is not None],
            organizations_enabled=organizations.get(row.id, 0),
            units=units.get(row.id, 0),
            manual=row.manual,
            accounts=[(name, AccountState._make(said)) for name, since, *said in entries[row.id] if since is None],
            now=now,
        )
        for row in users
    }


def _count(connection: Connection, column: Any, existing: Any, user_ids: Collection[int]) -> Mapping[int, int]:
    query = select(_a.user_id, func.count()).where(among(connection, _a.user_id, user_ids), column.in_(existing))
    return dict(connection.execute(query.group_by(_a.user_id)).all())
