"""API keys as rows: one for each user and organization."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, insert, select

from syncd.errors import NotFoundError, StateError
from syncd.model.apikey import ApiKey, NewKey
from syncd.model.caller import Caller
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.userrows import locked_user

_COLUMNS = ("id", "user_id", "organization_id", "name", "created_at", "created_by", "expires_at", "last_used_at")


class SqlKeys:
    """`KeyStore` of services.keys."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, user_id: int) -> Sequence[ApiKey]:
        with read(self._engine) as connection:
            _require_user(connection, user_id)
            query = _keys().where(t.api_keys.c.user_id == user_id)
            return [_key(row) for row in connection.execute(query.order_by(t.organizations.c.name_key))]

    def create(self, new: NewKey, *, caller: Caller, at: datetime) -> tuple[ApiKey, ApiKey | None]:
        with write(self._engine) as connection:
            locked_user(connection, new.user_id)
            organization = _require_access(connection, new.user_id, new.organization_id)
            journal = Journal(connection, caller=caller, at=at)
            replaced = _end(connection, new, journal=journal)
            values = {
                "user_id": new.user_id, "organization_id": new.organization_id, "name": new.name, "created_at": at,
                "created_by": caller.name, "expires_at": new.expires_at,
            }  # fmt: skip
            made = insert(t.api_keys).values(digest=new.digest, **values).returning(t.api_keys.c.id)
            number = int(connection.execute(made).scalar_one())
            after = {"key": number, "organization": organization, "name": new.name, "expires_at": _text(new.expires_at)}
            journal.note("api_key.created", "user", new.user_id, after=after)
        return ApiKey(id=number, organization=organization, last_used_at=None, **values), replaced  # type: ignore[arg-type]

    def revoke(self, user_id: int, key_id: int, *, caller: Caller, reason: str | None, at: datetime) -> ApiKey:
        with write(self._engine) as connection:
            query = _keys().where(t.api_keys.c.id == key_id, t.api_keys.c.user_id == user_id)
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotFoundError(f"user {user_id} has no key {key_id}")
            _delete(connection, _key(row), journal=Journal(connection, caller=caller, at=at), reason=reason)
        return _key(row)


def _end(connection: Connection, new: NewKey, *, journal: Journal) -> ApiKey | None:
    """End the key that a new one replaces, if there is one."""
    here = t.api_keys.c.user_id == new.user_id, t.api_keys.c.organization_id == new.organization_id
    row = connection.execute(_keys().where(*here)).one_or_none()
    if row is None:
        return None
    _delete(connection, _key(row), journal=journal, reason="replaced by a new key")
    return _key(row)


def _delete(connection: Connection, key: ApiKey, *, journal: Journal, reason: str | None) -> None:
    connection.execute(delete(t.api_keys).where(t.api_keys.c.id == key.id))
    before = {"key": key.id, "organization": key.organization, "name": key.name, "expires_at": _text(key.expires_at)}
    journal.note("api_key.revoked", "user", key.user_id, before=before, reason=reason)


def _require_user(connection: Connection, user_id: int) -> None:
    if connection.execute(select(t.users.c.id).where(t.users.c.id == user_id)).first() is None:
        raise NotFoundError(f"there is no user {user_id}")


def _require_access(connection: Connection, user_id: int, organization_id: int) -> str:
    """The organization's name."""
    access, organizations = t.access.c, t.organizations.c
    query = (
        select(organizations.name, organizations.enabled)
        .join(t.access, access.organization_id == organizations.id)
        .where(access.user_id == user_id, access.organization_id == organization_id)
    )
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        raise StateError(f"user {user_id} has no access to organization {organization_id}", advice="Give them access first.")
    if not row.enabled:
        raise StateError(f"organization {organization_id} is not enabled", advice="Enable it first.")
    return str(row.name)


def _keys() -> Select[Any]:
    columns = (t.api_keys.c[name] for name in _COLUMNS)
    organization = t.organizations.c.name.label("organization")
    return select(*columns, organization).join(t.organizations, t.organizations.c.id == t.api_keys.c.organization_id)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**row._mapping)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
