"""Telling others, in the transaction that did it, that somebody can no longer log in, or can again.

`users.has_access` is what was told last. Whoever is new has not been told of: they begin without access. So the events of one
person alternate, access.granted first, and each change is told once, whoever makes it and however often it is looked at. The
`user.created` of a run says "can_log_in" in its `after` where the person can log in from the start, in place of an event of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, union, update

from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.gate import can_log_in, reasons_of
from syncd.store.journal import Journal

REVOKED, GRANTED = "access.revoked", "access.granted"
# the reason of whoever is deleted; the others are the login gate's
DELETED = "deleted"
# users per query
_CHUNK = 2000


def announce(connection: Connection, user_ids: Sequence[int], *, journal: Journal) -> int:
    """Compare what was told last with the login gate, and write access.revoked or access.granted; how many.

    The sessions of whoever lost access end.
    """
    told = 0
    for start in range(0, len(user_ids), _CHUNK):
        changed = wrongly_told(connection, user_ids[start : start + _CHUNK], now=journal.at)
        _tell(connection, changed, journal=journal)
        told += len(changed)
    return told


def announce_deletion(connection: Connection, user_ids: Sequence[int], *, journal: Journal) -> None:
    """Before users are deleted: whoever of them has access loses it."""
    had = select(t.users.c.id).where(among(connection, t.users.c.id, user_ids), t.users.c.has_access).order_by(t.users.c.id)
    for user_id in connection.scalars(had).all():
        journal.add(REVOKED, "user", user_id, after={"reasons": (DELETED,)})
    journal.write()


def wrongly_told(connection: Connection, user_ids: Sequence[int], *, now: datetime) -> dict[int, bool]:
    """Whose access is not what was told last -> what it is."""
    if not user_ids:
        return {}
    allowed = can_log_in(now)
    query = select(t.users.c.id, t.users.c.has_access).where(
        among(connection, t.users.c.id, user_ids), t.users.c.has_access.is_distinct_from(allowed)
    )
    return {user_id: not had for user_id, had in connection.execute(query.order_by(t.users.c.id))}


def passed(connection: Connection, *, since: datetime, now: datetime) -> list[int]:
    """Whose access is not what was told last, of those with a time of their account that came after `since`."""
    i = t.identities.c
    times = (i.account_locked_until, i.account_valid_from, i.account_expires_at, i.account_password_expires_at)
    lately = union(*(select(i.user_id).where(column > since, column <= now) for column in times))
    found = list(connection.scalars(lately))
    return [
        user_id
        for start in range(0, len(found), _CHUNK)
        for user_id in wrongly_told(connection, found[start : start + _CHUNK], now=now)
    ]


def strayed(connection: Connection, *, now: datetime) -> list[int]:
    """Everybody whose access is not what was told last, for whatever reason; looks at all users."""
    wrong = t.users.c.has_access.is_distinct_from(can_log_in(now))
    return list(connection.scalars(select(t.users.c.id).where(wrong).order_by(t.users.c.id)))


def _tell(connection: Connection, changed: dict[int, bool], *, journal: Journal) -> None:
    lost = [user_id for user_id, allowed in changed.items() if not allowed]
    reasons = reasons_of(connection, lost, now=journal.at)
    for has_access in (False, True):
        ids = [user_id for user_id, allowed in changed.items() if allowed is has_access]
        if ids:
            told = update(t.users).where(among(connection, t.users.c.id, ids)).values(has_access=has_access)
            connection.execute(told)
    if lost:
        connection.execute(delete(t.sessions).where(among(connection, t.sessions.c.user_id, lost)))
    for user_id, allowed in changed.items():
        if allowed:
            journal.add(GRANTED, "user", user_id)
        else:
            journal.add(REVOKED, "user", user_id, after={"reasons": reasons[user_id]})
    journal.write()
