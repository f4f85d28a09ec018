"""What the guard asks the store: whom no run may touch, how many people have a value, how many a purge would delete.

Counts are made by the database; people come back as entry ids only where there are few of them (administrators).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, and_, exists, func, literal_column, not_, or_, select

from syncd.model.records import CUSTOM_PREFIX
from syncd.model.text import fold
from syncd.services.ports_store import Protected
from syncd.store import schema as t
from syncd.store.accounts import shuts_out
from syncd.store.administrators import administers
from syncd.store.apply_values import PLACE, PLAIN
from syncd.store.types import to_json

_TABLES = {"emails": t.user_emails.c.user_id, "tags": t.user_tags.c.user_id, "avatar": t.user_avatars.c.user_id}

# in the words of the index ix_users_break_glass, which SQLite wants to see
_BREAK_GLASS: ColumnElement[bool] = literal_column("users.break_glass", Boolean)

_here = t.identities.c
_elsewhere = t.identities.alias("elsewhere")


# ---------------------------------------------------------------- protected people
def protected_people(
    connection: Connection, directory: str, *, administrator_roles: Collection[str], now: datetime
) -> Protected:
    """SyncStore.protected. `now`: at which accounts may be disabled, locked or over, so that nobody acts with them.

    An administrator has one of the roles system-wide, as in syncd.store.administrators. What the same run may change does not
    matter here (access, whether this directory has them), and a lock does not either: guesses at the passwords of others must
    not make a run keep somebody.
    """
    number = connection.scalar(select(t.directories.c.id).where(t.directories.c.name == directory))
    if number is None:
        return Protected()
    mine = select(_here.entry_id).join(t.users, t.users.c.id == _here.user_id).where(_here.directory_id == number)
    broken_glass = connection.scalars(mine.where(_here.user_id.in_(select(t.users.c.id).where(_BREAK_GLASS)))).all()
    keys = {fold(name) for name in administrator_roles}
    if not keys or _others_left(connection, number, keys, now):
        return Protected(break_glass=frozenset(broken_glass))
    holds = exists().where(t.grants.c.user_id == t.users.c.id, administers(connection, keys))
    able = _here.missing_since.is_(None), t.users.c.enabled, not_(_shut_out(now))
    administrators = connection.scalars(mine.where(*able, holds))
    return Protected(break_glass=frozenset(broken_glass), administrators=frozenset(administrators))


def _others_left(connection: Connection, number: int, keys: Collection[str], now: datetime) -> bool:
    """Whether somebody would still administer if the directory lost all its people and gave no roles any more.

    A manual user, somebody present in another directory, or a break-glass account; with a role that does not come from this
    directory, except for break-glass accounts, from which no run takes a role away.
    """
    present = t.identities.c.user_id == t.users.c.id, t.identities.c.missing_since.is_(None)
    there = _elsewhere.c.user_id == t.users.c.id, _elsewhere.c.missing_since.is_(None), _elsewhere.c.directory_id != number
    given = or_(t.grants.c.directory_id.is_(None), exists().where(*there, _elsewhere.c.directory_id == t.grants.c.directory_id))
    stays = or_(
        and_(t.users.c.break_glass, or_(t.users.c.manual, exists().where(*present))),
        and_(given, or_(t.users.c.manual, exists().where(*there))),
    )
    query = select(t.users.c.id).join(t.grants, t.grants.c.user_id == t.users.c.id)
    able = t.users.c.enabled, or_(t.users.c.manual, not_(_shut_out(now)))
    found = connection.execute(query.where(administers(connection, keys), *able, stays).limit(1))
    return found.first() is not None


def _shut_out(now: datetime) -> ColumnElement[bool]:
    """Whether any directory that has the user says that the account is off."""
    there = t.identities.alias().c
    return exists().where(there.user_id == t.users.c.id, there.missing_since.is_(None), shuts_out(now, there))


# ---------------------------------------------------------------- populations
def populations(connection: Connection, directory: str, fields: Collection[str]) -> dict[str, int]:
    """SyncStore.field_populations, by one query. Raises ValueError for a field that people do not have."""
    number = select(t.directories.c.id).where(t.directories.c.name == directory).scalar_subquery()
    counts = [_population(field, number).label(None) for field in fields]
    return dict(zip(fields, connection.execute(select(*counts)).one(), strict=True)) if counts else {}


def _population(field: str, number: Any) -> ColumnElement[int]:
    """How many of the people present have a value of the field. `number`: of the directory."""
    person = t.identities.alias()
    query = select(func.count()).select_from(person).where(person.c.directory_id == number, person.c.missing_since.is_(None))
    return query.where(_has(field, person.c.user_id, number)).scalar_subquery()


def _has(field: str, user_id: ColumnElement[int], number: Any) -> ColumnElement[bool]:
    if field == "account.disabled":
        # who loses "no" loses nothing
        there = t.identities.alias().c
        return exists().where(there.user_id == user_id, there.directory_id == number, there.account_disabled)
    if field in PLAIN:
        return exists().where(t.users.c.id == user_id, t.users.c[field].is_not(None))
    if field in PLACE:
        given = t.access.c[f"{field}_id"].is_not(None)
        return exists().where(t.access.c.user_id == user_id, t.access.c.directory_id == number, given)
    if field.startswith(CUSTOM_PREFIX):
        custom = t.user_custom_fields.c
        name = field.removeprefix(CUSTOM_PREFIX)
        return exists().where(custom.user_id == user_id, custom.name == name, custom.value != to_json(""))
    if field not in _TABLES:
        raise ValueError(f"people have no field {field!r}")
    return exists().where(_TABLES[field] == user_id)
