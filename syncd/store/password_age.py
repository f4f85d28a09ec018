"""The age of local passwords, for many people at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, or_, select, update

from syncd.model.caller import ITSELF
from syncd.model.mail import NewMail
from syncd.model.password import AgingPassword
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.announce import announce
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal
from syncd.store.outbox import queue_mail
from syncd.store.passwords import greeting
from syncd.store.userrows import touch_user

# people read, and expired, in one transaction
BATCH = 200


class SqlPasswordAgeStore:
    """AgeStore of syncd.services.password_age."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def aging(self, set_before: datetime, *, directory_users: bool) -> Iterator[AgingPassword]:
        """AgeStore.aging."""
        after = 0
        while True:
            condition = () if directory_users else (_kept_here(),)
            query = _present(set_before).where(t.users.c.id > after, *condition).order_by(t.users.c.id).limit(BATCH)
            with read(self._engine) as connection:
                rows = connection.execute(query).all()
            if not rows:
                return
            yield from map(_aging, rows)
            after = rows[-1].id

    def expire(self, user_ids: Sequence[int], *, set_before: datetime, at: datetime) -> Sequence[int]:
        """AgeStore.expire."""
        done: list[int] = []
        for start in range(0, len(user_ids), BATCH):
            with write(self._engine) as connection:
                done += _expire(connection, user_ids[start : start + BATCH], set_before=set_before, at=at)
        return done

    def warned(self, password: AgingPassword, days: int, *, at: datetime, mail: NewMail | None) -> bool:
        """AgeStore.warned; no change of the person, so neither version nor audit event."""
        last = t.users.c.password_warned
        unchanged = last.is_(None) if password.warned is None else last == password.warned
        same = exists().where(t.passwords.c.user_id == t.users.c.id, t.passwords.c.set_at == password.set_at)
        changed = update(t.users).where(t.users.c.id == password.user_id, unchanged, same).values(password_warned=days)
        with write(self._engine, ordered=False) as connection:
            if not connection.execute(changed).rowcount:
                return False
            queue_mail(connection, mail, at=at)
        return True

    def forget_links(self, expired_before: datetime) -> int:
        """AgeStore.forget_links."""
        with write(self._engine, ordered=False) as connection:
            return connection.execute(delete(t.links).where(t.links.c.expires_at < expired_before)).rowcount


def _present(set_before: datetime) -> Any:
    """Active people with their present password, if it was set until then."""
    users, passwords, newer = t.users.c, t.passwords.c, t.passwords.alias("newer").c
    columns = (users.id, users.username, users.email, users.first_name, users.last_name, users.display_name, users.enabled)
    return (
        select(*columns, users.password_warned, passwords.set_at)
        .join_from(t.users, t.passwords, passwords.user_id == users.id)
        .where(users.auth_status == "active", passwords.set_at <= set_before)
        .where(~exists().where(newer.user_id == passwords.user_id, newer.id > passwords.id))
    )


def _kept_here() -> ColumnElement[bool]:
    """`Owners.are_local` of syncd.services.passwords for a site where directories keep their users' passwords."""
    there = exists().where(t.identities.c.user_id == t.users.c.id, t.identities.c.missing_since.is_(None))
    return or_(t.users.c.break_glass, t.users.c.manual & ~there)


def _expire(connection: Connection, user_ids: Sequence[int], *, set_before: datetime, at: datetime) -> list[int]:
    journal = Journal(connection, caller=ITSELF, at=at)
    rows = connection.execute(_present(set_before).where(among(connection, t.users.c.id, user_ids))).all()
    before, after = {"auth_status": "active"}, {"auth_status": "expired"}
    for row in rows:
        touch_user(connection, row.id, at=at, **after)
        journal.add("user.password_expired", "user", row.id, before=before, after=after)
    journal.write()
    ids = [row.id for row in rows]
    announce(connection, ids, journal=journal)
    return ids


def _aging(row: Any) -> AgingPassword:
    return AgingPassword(
        user_id=row.id,
        username=row.username,
        email=row.email,
        name=greeting(row),
        enabled=row.enabled,
        set_at=row.set_at,
        warned=row.password_warned,
    )
