"""Logging in: who it is, how often they failed, and the session in the end. Each method is one short transaction.

The counter is moved by single statements that look at it and change it in one, so that it holds whatever runs beside them; the
lock is set with the person's row held.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, insert, or_, select, update

from syncd.accounts.standing import Lockout, LoginSubject
from syncd.model.caller import Caller
from syncd.model.login import WRONG_PASSWORD, LoginAttempt, NewSession, Session
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.announce import announce
from syncd.store.endings import end_access
from syncd.store.engine import read, write
from syncd.store.gatefacts import GATE_COLUMNS, gate_facts, with_entries
from syncd.store.journal import Journal
from syncd.store.outbox import queue_mail
from syncd.store.passwords import greeting
from syncd.store.sessions import session_of
from syncd.store.userrows import touch_user

_users = t.users.c
_SUBJECT = (
    _users.id, _users.username, _users.email, _users.display_name, _users.first_name, _users.last_name, _users.break_glass,
    _users.failed_logins, _users.locked_at,
)  # fmt: skip


class SqlLogins:
    """Implements `LoginStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ who it is
    def find(self, name: str) -> LoginSubject | None:
        """Whose username it is, else whose primary address."""
        key = fold(name)
        if not key:
            return None
        with read(self._engine) as connection:
            by_username = _users.username_key == key
            named = select(_users.id).where(or_(by_username, _users.email_key == key))
            found = connection.scalar(named.order_by(case((by_username, 0), else_=1)).limit(1))
            return _subject(connection, found) if found is not None else None

    def subject(self, user_id: int) -> LoginSubject | None:
        with read(self._engine) as connection:
            return _subject(connection, user_id)

    # ------------------------------------------------------------ counting
    def reserve(self, user_id: int, *, limit: int) -> tuple[int | None, str]:
        """One statement: count, unless the limit is reached or the account locked."""
        free = (_users.id == user_id, _users.auth_status != "locked", _users.failed_logins < limit)
        counted = update(t.users).where(*free).values(failed_logins=_users.failed_logins + 1)
        with write(self._engine, ordered=False) as connection:
            slot = connection.execute(counted.returning(_users.failed_logins)).scalar_one_or_none()
            status = connection.scalar(select(_users.auth_status).where(_users.id == user_id))
        return slot, status or "gone"

    def withdraw(self, user_id: int, attempt: LoginAttempt | None) -> None:
        """Of a lock that came meanwhile, nothing is taken back."""
        open_ = (_users.id == user_id, _users.auth_status != "locked", _users.failed_logins > 0)
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.users).where(*open_).values(failed_logins=_users.failed_logins - 1))
            _note(connection, attempt)

    def fail(self, user_id: int, *, slot: int | None, lockout: Lockout, attempt: LoginAttempt | None) -> bool:
        """Before the last slot, only the attempt is kept: the guess is counted already."""
        may_lock = slot is None or slot >= lockout.limit
        with write(self._engine, ordered=may_lock) as connection:
            _note(connection, attempt)
            if slot is None:
                counted = update(t.users).where(_users.id == user_id)
                connection.execute(counted.values(failed_logins=_users.failed_logins + 1))
            return may_lock and _lock(connection, user_id, lockout)

    def lock_full(self, user_id: int, *, lockout: Lockout) -> bool:
        with write(self._engine) as connection:
            return _lock(connection, user_id, lockout)

    def note(self, attempt: LoginAttempt) -> None:
        with write(self._engine, ordered=False) as connection:
            _note(connection, attempt)

    def zero(self, user_id: int) -> None:
        open_ = (_users.id == user_id, _users.auth_status != "locked")
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.users).where(*open_).values(failed_logins=0))

    # ------------------------------------------------------------ in the end
    def succeed(self, session: NewSession, attempt: LoginAttempt) -> Session | tuple[str, ...]:
        """The gate is asked again with the person's row held: what closed it while the password was looked at holds, and so
        does a new password."""
        at = session.created_at
        with write(self._engine, ordered=False) as connection:
            held = _held(connection, session.user_id)
            subject = _subject(connection, session.user_id) if held is not None else None
            reasons = subject.gate.reasons(at) if subject is not None else ("gone",)
            if subject is not None and session.password_id not in (None, subject.password_id):
                reasons = reasons or (WRONG_PASSWORD,)
            if reasons:
                return reasons
            counted = {"failed_logins": 0, "last_login_at": at, "login_count": _users.login_count + 1}
            connection.execute(update(t.users).where(_users.id == session.user_id).values(**counted))
            _note(connection, attempt)
            values = {
                "user_id": session.user_id,
                "digest": session.digest,
                "created_at": at,
                "last_seen_at": at,
                "expires_at": session.expires_at,
                "address": session.origin.address,
                "user_agent": session.origin.user_agent,
            }
            row = connection.execute(insert(t.sessions).values(**values).returning(*t.sessions.c)).one()
            return session_of(row)

    def unlock(self, user_id: int, *, caller: Caller, at: datetime, reason: str) -> None:
        with write(self._engine) as connection:
            row = _held(connection, user_id)
            if row is None or row.auth_status != "locked":
                return
            journal = Journal(connection, caller=caller, at=at)
            touch_user(connection, user_id, at=at, auth_status="active", failed_logins=0, locked_at=None)
            before = {"auth_status": "locked", "failed_logins": row.failed_logins}
            after = {"auth_status": "active", "failed_logins": 0}
            journal.note("user.activated", "user", user_id, before=before, after=after, reason=reason)
            announce(connection, [user_id], journal=journal)

    def rehash(self, user_id: int, *, old: str, new: str) -> None:
        same = (t.passwords.c.user_id == user_id, t.passwords.c.hash == old)
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.passwords).where(*same).values(hash=new))


def _lock(connection: Connection, user_id: int, lockout: Lockout) -> bool:
    """Lock if the counter has reached the limit; whether that was done now."""
    row = _held(connection, user_id)
    if row is None or row.auth_status == "locked" or row.failed_logins < lockout.limit:
        return False
    journal = Journal(connection, caller=lockout.caller, at=lockout.at)
    touch_user(connection, user_id, at=lockout.at, auth_status="locked", locked_at=lockout.at)
    journal.note(
        "user.locked",
        "user",
        user_id,
        before={"auth_status": row.auth_status},
        after={"auth_status": "locked", "failed_logins": row.failed_logins},
        reason=f"{row.failed_logins} failed logins",
    )
    end_access(connection, [user_id])
    announce(connection, [user_id], journal=journal)
    queue_mail(connection, lockout.mail(), at=lockout.at)
    return True


def _held(connection: Connection, user_id: int) -> Row[Any] | None:
    """The person's row until the end of the transaction; None when they were deleted meanwhile."""
    return connection.execute(select(t.users).where(_users.id == user_id).with_for_update()).one_or_none()


def _note(connection: Connection, attempt: LoginAttempt | None) -> None:
    if attempt is None:
        return
    connection.execute(
        insert(t.login_attempts).values(
            at=attempt.at,
            name=attempt.name,
            user_id=attempt.user_id,
            outcome=attempt.outcome,
            directory=attempt.directory,
            address=attempt.origin.address,
            request_id=attempt.origin.request_id,
        )
    )


def _subject(connection: Connection, user_id: int) -> LoginSubject | None:
    query = select(*_SUBJECT, *GATE_COLUMNS).select_from(with_entries(t.users)).where(_users.id == user_id)
    rows = connection.execute(query).all()
    if not rows:
        return None
    passwords = t.passwords.c
    newest = select(passwords.id, passwords.hash, passwords.set_at).where(passwords.user_id == user_id)
    password = connection.execute(newest.order_by(passwords.id.desc()).limit(1)).one_or_none()
    first = rows[0]
    return LoginSubject(
        user_id=first.id,
        username=first.username,
        email=first.email,
        name=greeting(first),
        break_glass=first.break_glass,
        failed_logins=first.failed_logins,
        locked_at=first.locked_at,
        gate=gate_facts(rows),
        hash=password.hash if password else None,
        hash_set_at=password.set_at if password else None,
        password_id=password.id if password else None,
    )
