"""Ending what people hold at once: no session survives the reason it was given for."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from syncd.store import schema as t
from syncd.store.among import among


def end_access(connection: Connection, user_ids: Sequence[int]) -> None:
    """End all sessions of these users, and the links mailed to them.

    Keys need no ending: they are useless as long as their owner cannot log in, and work again afterwards.
    """
    if not user_ids:
        return
    connection.execute(delete(t.links).where(among(connection, t.links.c.user_id, user_ids), t.links.c.used_at.is_(None)))
    connection.execute(delete(t.sessions).where(among(connection, t.sessions.c.user_id, user_ids)))
