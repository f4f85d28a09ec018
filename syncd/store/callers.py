"""Whose a session or a key is, and where they stand now: asked at each request, so two queries and no more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, exists, null, select, true, update

from syncd.accounts.standing import Credential
from syncd.accounts.tokens import TokenKind
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.gatefacts import GATE_COLUMNS, gate_facts, with_entries
from syncd.store.permissions import roles_of_user

_users, _sessions, _keys = t.users.c, t.sessions.c, t.api_keys.c

_OWNER = (_users.id.label("user_id"), _users.username, _users.email, *GATE_COLUMNS)
_SESSION = select(
    _sessions.digest,
    null().label("organization_id"),
    true().label("usable"),
    _sessions.expires_at,
    _sessions.last_seen_at.label("used_at"),
    *_OWNER,
).select_from(with_entries(t.sessions.join(t.users, _users.id == _sessions.user_id)))

_accessible = exists().where(
    and_(t.access.c.user_id == _users.id, t.access.c.organization_id == _keys.organization_id),
    and_(t.organizations.c.id == _keys.organization_id, t.organizations.c.enabled),
)
_KEY = select(
    _keys.digest,
    _keys.organization_id,
    _accessible.label("usable"),
    _keys.expires_at,
    _keys.last_used_at.label("used_at"),
    *_OWNER,
).select_from(with_entries(t.api_keys.join(t.users, _users.id == _keys.user_id)))


class SqlCallers:
    """Implements `CallerStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def credential(self, kind: TokenKind, number: int) -> Credential | None:
        query = _SESSION.where(_sessions.id == number) if kind is TokenKind.SESSION else _KEY.where(_keys.id == number)
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
            if not rows:
                return None
            roles = roles_of_user(connection, rows[0].user_id)
        first: Any = rows[0]
        return Credential(
            digest=first.digest,
            user_id=first.user_id,
            username=first.username or first.email or f"user {first.user_id}",
            organization_id=first.organization_id,
            usable=bool(first.usable),
            expires_at=first.expires_at,
            used_at=first.used_at,
            gate=gate_facts(rows),
            roles=roles,
        )

    def seen(self, kind: TokenKind, number: int, *, at: datetime) -> None:
        if kind is TokenKind.SESSION:
            changed = update(t.sessions).where(_sessions.id == number).values(last_seen_at=at)
        else:
            changed = update(t.api_keys).where(_keys.id == number).values(last_used_at=at)
        with write(self._engine, ordered=False) as connection:
            connection.execute(changed)
