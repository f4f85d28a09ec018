"""What every change of a user by hand has in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from syncd.errors import NotFoundError, PreconditionFailedError
from syncd.store import schema as t
from syncd.store.searchrows import SEARCHED, refresh_search


def locked_user(connection: Connection, user_id: int) -> Row[Any]:
    """The user's row, which nobody else changes until the end of the transaction. Raises NotFoundError."""
    row = connection.execute(select(t.users).where(t.users.c.id == user_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no user {user_id}")
    return row


def touch_user(connection: Connection, user_id: int, *, at: datetime, **values: Any) -> None:
    """Change columns of a user, and the version with them."""
    changed = update(t.users).where(t.users.c.id == user_id)
    connection.execute(changed.values(version=t.users.c.version + 1, updated_at=at, **values))
    if not values.keys().isdisjoint(SEARCHED):
        refresh_search(connection, [user_id])


def require_version(row: Row[Any], if_match: int | None) -> None:
    """Raises PreconditionFailedError when the row has another version than the caller saw; None: whatever it is."""
    if if_match is not None and row.version != if_match:
        raise PreconditionFailedError(f"it has version {row.version} now, not {if_match}")
