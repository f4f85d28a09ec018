"""What the login gate asks of one person, in one query: a row for each of their entries, one without any if they have none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import FromClause, Row, func, select

from syncd.accounts.standing import Entry, GateFacts
from syncd.model.account import AccountState
from syncd.store import schema as t

_users, _identities = t.users.c, t.identities.c
_ACCOUNT = tuple(f"account_{name}" for name in AccountState._fields)

_organizations = (
    select(func.count(t.access.c.organization_id.distinct()))
    .join(t.organizations, t.organizations.c.id == t.access.c.organization_id)
    .where(t.access.c.user_id == _users.id, t.organizations.c.enabled)
    .correlate(t.users)
    .scalar_subquery()
)
_units = (
    select(func.count(t.access.c.unit_id.distinct()))
    .join(t.units, t.units.c.id == t.access.c.unit_id)
    .where(t.access.c.user_id == _users.id)
    .correlate(t.users)
    .scalar_subquery()
)

GATE_COLUMNS: tuple[Any, ...] = (
    _users.enabled,
    _users.auth_status,
    _users.manual,
    _organizations.label("organizations_enabled"),
    _units.label("units"),
    t.directories.c.name.label("directory"),
    _identities.entry_id,
    _identities.dn,
    _identities.missing_since,
    *(_identities[name] for name in _ACCOUNT),
)


def with_entries(people: FromClause) -> FromClause:
    """`people`, which has `users` in it, with what GATE_COLUMNS need beside it."""
    joined = people.outerjoin(t.identities, _identities.user_id == _users.id)
    return joined.outerjoin(t.directories, t.directories.c.id == _identities.directory_id)


def gate_facts(rows: Sequence[Row[Any]]) -> GateFacts:
    """Of all rows of one person."""
    first = rows[0]
    return GateFacts(
        enabled=first.enabled,
        auth_status=first.auth_status,
        manual=first.manual,
        organizations_enabled=first.organizations_enabled,
        units=first.units,
        entries=tuple(_entry(row) for row in rows if row.directory is not None),
    )


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        directory=row.directory,
        entry_id=row.entry_id,
        dn=row.dn,
        missing=row.missing_since is not None,
        account=AccountState._make(row._mapping[name] for name in _ACCOUNT),
    )
