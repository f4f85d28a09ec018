"""Sessions, looked at and ended. They are begun in `logins`, and end with what else ends access in `endings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, delete, or_, select

from syncd.errors import NotFoundError
from syncd.model.caller import Caller
from syncd.model.login import Session
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.userrows import locked_user

_sessions = t.sessions.c


def session_of(row: Row[Any]) -> Session:
    """A row of `sessions` without its digest."""
    return Session(
        id=row.id,
        user_id=row.user_id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        address=row.address,
        user_agent=row.user_agent,
    )


class SqlSessions:
    """Implements `SessionStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, user_id: int, *, seen_since: datetime, now: datetime) -> Sequence[Session]:
        alive = (_sessions.user_id == user_id, _sessions.last_seen_at > seen_since, _sessions.expires_at > now)
        with read(self._engine) as connection:
            if connection.scalar(select(t.users.c.id).where(t.users.c.id == user_id)) is None:
                raise NotFoundError(f"there is no user {user_id}")
            rows = connection.execute(select(t.sessions).where(*alive).order_by(_sessions.id.desc()))
            return [session_of(row) for row in rows]

    def end(self, user_id: int, session_id: int, *, caller: Caller, at: datetime, reason: str) -> None:
        with write(self._engine) as connection:
            theirs = (_sessions.id == session_id, _sessions.user_id == user_id)
            if not connection.execute(delete(t.sessions).where(*theirs)).rowcount:
                raise NotFoundError(f"there is no session {session_id}")
            journal = Journal(connection, caller=caller, at=at)
            journal.note("session.ended", "user", user_id, before={"sessions": [session_id]}, reason=reason)

    def end_all(self, user_id: int, *, caller: Caller, at: datetime, reason: str) -> int:
        with write(self._engine) as connection:
            locked_user(connection, user_id)
            ended = delete(t.sessions).where(_sessions.user_id == user_id).returning(_sessions.id)
            numbers = sorted(connection.execute(ended).scalars())
            if numbers:
                journal = Journal(connection, caller=caller, at=at)
                journal.note("session.ended", "user", user_id, before={"sessions": numbers}, reason=reason)
            return len(numbers)

    def prune(self, *, seen_before: datetime, expired_before: datetime) -> int:
        over = or_(_sessions.expires_at <= expired_before, _sessions.last_seen_at <= seen_before)
        with write(self._engine, ordered=False) as connection:
            return connection.execute(delete(t.sessions).where(over)).rowcount
