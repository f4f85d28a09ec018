"""Local passwords in the store. The newest row of a person is the present one; older ones stay as far as they are compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, update

from syncd.errors import NotFoundError, StateError
from syncd.model.caller import Caller
from syncd.model.mail import NewMail
from syncd.model.password import PasswordOwner
from syncd.model.text import fold
from syncd.store import schema as t
from syncd.store.announce import announce
from syncd.store.endings import end_access
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal
from syncd.store.outbox import queue_mail
from syncd.store.queries_people import people_by_ids
from syncd.store.userrows import locked_user, require_version, touch_user

# statuses that a new password ends; the lock stays until somebody activates the account
WAITING = ("reset", "expired")
# stands where a hash would: no password fits
VOID = "!"


# ---------------------------------------------------------------- building blocks of a transaction
def put_password(connection: Connection, user_id: int, hashed: str, *, at: datetime, keep: int = 1) -> None:
    """Make it the present password; forget all but the newest `keep`."""
    connection.execute(delete(t.passwords).where(t.passwords.c.user_id == user_id, t.passwords.c.hash == VOID))
    connection.execute(insert(t.passwords).values(user_id=user_id, hash=hashed, set_at=at))
    own = t.passwords.c.user_id == user_id
    newest = select(t.passwords.c.id).where(own).order_by(t.passwords.c.id.desc()).limit(keep)
    connection.execute(delete(t.passwords).where(own, t.passwords.c.id.not_in(newest)))


def void_password(connection: Connection, user_id: int) -> None:
    """Let the present password fit no more, whatever becomes of the account. It keeps its age, and counts as used."""
    own = select(t.passwords.c.hash, t.passwords.c.set_at).where(t.passwords.c.user_id == user_id)
    present = connection.execute(own.order_by(t.passwords.c.id.desc()).limit(1)).one_or_none()
    if present is not None and present.hash != VOID:
        connection.execute(insert(t.passwords).values(user_id=user_id, hash=VOID, set_at=present.set_at))


def left_to_directory(user: Row[Any]) -> dict[str, str]:
    """What changes of a row of `locked_user` whose password is a directory's from now on: here none is awaited any more, and
    none could be saved."""
    return {"auth_status": "active"} if user.auth_status in WAITING else {}


def save_password(
    journal: Journal, user: Row[Any], hashed: str, *, keep: int, mail: NewMail | None, reason: str | None
) -> None:
    """Save a password of this row of `locked_user`, with everything that follows from it."""
    connection, at = journal.connection, journal.at
    put_password(connection, user.id, hashed, at=at, keep=keep)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if user.auth_status in WAITING:
        before, after = {"auth_status": user.auth_status}, {"auth_status": "active"}
        if user.failed_logins:
            before["failed_logins"], after["failed_logins"] = user.failed_logins, 0
    touch_user(connection, user.id, at=at, password_warned=None, **after)
    end_access(connection, [user.id])
    queue_mail(connection, mail, at=at)
    journal.note("user.password_changed", "user", user.id, before=before or None, after=after or None, reason=reason)
    announce(connection, [user.id], journal=journal)


def present_hash(connection: Connection, user_id: int) -> str | None:
    """Of the present password; None for somebody without one."""
    newest = select(t.passwords.c.hash).where(t.passwords.c.user_id == user_id).order_by(t.passwords.c.id.desc()).limit(1)
    found: str | None = connection.execute(newest).scalar_one_or_none()
    return found


# ---------------------------------------------------------------- the store of the use cases
class SqlPasswordStore:
    """PasswordStore of syncd.services.passwords."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def owner(self, user_id: int) -> PasswordOwner:
        """PasswordStore.owner."""
        with read(self._engine) as connection:
            found = _owner(connection, t.users.c.id == user_id)
        if found is None:
            raise NotFoundError(f"there is no user {user_id}")
        return found

    def owner_by_name(self, name: str) -> PasswordOwner | None:
        """PasswordStore.owner_by_name: no username can be somebody else's address, but the username goes first."""
        key = fold(name)
        if not key or "\x00" in key:
            return None
        with read(self._engine) as connection:
            return _owner(connection, or_(t.users.c.username_key == key, t.users.c.email_key == key), first=key)

    def login_reasons(self, user_id: int, *, now: datetime) -> Sequence[str]:
        """PasswordStore.login_reasons."""
        with read(self._engine) as connection:
            people = people_by_ids(connection, [user_id], now=now)
        return people[0].reasons if people else ("unknown",)

    def newest(self, user_id: int, count: int) -> Sequence[str]:
        """PasswordStore.newest."""
        own = select(t.passwords.c.hash).where(t.passwords.c.user_id == user_id, t.passwords.c.hash != VOID)
        with read(self._engine) as connection:
            return connection.execute(own.order_by(t.passwords.c.id.desc()).limit(count)).scalars().all()

    def save(
        self,
        user_id: int,
        hashed: str,
        *,
        keep: int,
        caller: Caller,
        at: datetime,
        mail: NewMail | None,
        reason: str | None = None,
        if_match: int | None = None,
        replaces: str | None = None,
    ) -> None:
        """PasswordStore.save."""
        with write(self._engine) as connection:
            user = locked_user(connection, user_id)
            require_version(user, if_match)
            if not user.enabled:
                raise StateError(f"user {user_id} is disabled", advice="Enable the user first.")
            if replaces is not None and present_hash(connection, user_id) != replaces:
                raise StateError("the password has been changed in the meantime")
            journal = Journal(connection, caller=caller, at=at)
            save_password(journal, user, hashed, keep=keep, mail=mail, reason=reason)

    def rehash(self, user_id: int, hashed: str, *, replaces: str) -> bool:
        """The same password, hashed with the parameters of today; whether it still was the present one."""
        number = select(t.passwords.c.id).where(t.passwords.c.user_id == user_id).order_by(t.passwords.c.id.desc()).limit(1)
        changed = update(t.passwords).where(t.passwords.c.id == number.scalar_subquery(), t.passwords.c.hash == replaces)
        with write(self._engine, ordered=False) as connection:
            return connection.execute(changed.values(hash=hashed)).rowcount > 0


_FIELDS = ("id", "username", "email", "enabled", "auth_status", "manual", "break_glass")
_NAMES = ("first_name", "middle_name", "last_name", "display_name")


def _owner(connection: Connection, condition: ColumnElement[bool], *, first: str = "") -> PasswordOwner | None:
    """`first`: of two people, the one with this username."""
    query = select(*(t.users.c[name] for name in (*_FIELDS, *_NAMES)), t.users.c.username_key).where(condition)
    rows = sorted(connection.execute(query).all(), key=lambda row: row.username_key != first)
    if not rows:
        return None
    user = rows[0]
    further = select(t.user_emails.c.email).where(t.user_emails.c.user_id == user.id)
    present = (t.identities.c.user_id == user.id, t.identities.c.missing_since.is_(None))
    places = select(t.directories.c.name).join(t.identities, t.identities.c.directory_id == t.directories.c.id)
    names = (user.username, user.email, *connection.execute(further).scalars(), *(getattr(user, name) for name in _NAMES))
    return PasswordOwner(
        **{name: getattr(user, name) for name in _FIELDS},
        name=greeting(user),
        names=tuple(name for name in names if name),
        directories=tuple(connection.execute(places.where(*present).order_by(t.directories.c.name)).scalars()),
        hash=present_hash(connection, user.id),
    )


def greeting(user: Any) -> str:
    """How somebody is called in a mail."""
    whole = " ".join(part for part in (user.first_name, user.last_name) if part)
    return user.display_name or whole or user.username or user.email or f"user {user.id}"
