"""Links that let somebody set a password without logging in."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from syncd.errors import LinkInvalidError, StateError
from syncd.model.caller import Caller
from syncd.model.mail import NewMail
from syncd.model.password import LinkFacts, LinkPurpose, LinkRequest
from syncd.store import schema as t
from syncd.store.announce import announce
from syncd.store.endings import end_access
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal
from syncd.store.outbox import queue_mail
from syncd.store.passwords import save_password, void_password
from syncd.store.userrows import locked_user, require_version, touch_user

Purpose = Literal["invitation", "reset"]

# whoever asks again within this time gets no second mail: else anybody could fill a mailbox
PAUSE = timedelta(minutes=1)


def new_link(
    connection: Connection, user_id: int, *, purpose: Purpose, at: datetime, expires_at: datetime, digest: bytes | None = None
) -> int:
    """The number of a new link; unused earlier ones of the user for the same purpose end.

    It works once whoever mails it has made its secret; `digest`: of one that was made already.
    """
    own = (t.links.c.user_id == user_id, t.links.c.purpose == purpose, t.links.c.used_at.is_(None))
    connection.execute(delete(t.links).where(*own))
    row = insert(t.links).values(user_id=user_id, purpose=purpose, created_at=at, expires_at=expires_at, digest=digest)
    return int(connection.execute(row.returning(t.links.c.id)).scalar_one())


def mail_link(connection: Connection, user_id: int, request: LinkRequest, *, at: datetime, mail: NewMail | None) -> int:
    """Make a link and queue the mail that brings it."""
    number = new_link(
        connection,
        user_id,
        purpose=request.purpose.value,
        at=at,
        expires_at=request.expires_at,
        digest=request.digest,
    )
    queue_mail(connection, None if mail is None else replace(mail, link_id=number), at=at)
    return number


class SqlLinkStore:
    """LinkStore of syncd.services.password_links."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def give(
        self,
        user_id: int,
        request: LinkRequest,
        *,
        status: str | None,
        caller: Caller,
        at: datetime,
        mail: NewMail | None,
        reason: str | None = None,
        if_match: int | None = None,
    ) -> int:
        """LinkStore.give."""
        with write(self._engine) as connection:
            user = locked_user(connection, user_id)
            require_version(user, if_match)
            if not user.enabled:
                raise StateError(f"user {user_id} is disabled", advice="Enable the user first.")
            journal = Journal(connection, caller=caller, at=at)
            if status is not None:
                _begin(journal, user, status, reason=reason)
            else:
                journal.note("user.invited", "user", user_id, reason=reason)
            number = mail_link(connection, user_id, request, at=at, mail=mail)
            announce(connection, [user_id], journal=journal)
        return number

    def forgotten(self, user_id: int, request: LinkRequest, *, caller: Caller, at: datetime, mail: NewMail | None) -> bool:
        """LinkStore.forgotten."""
        with write(self._engine) as connection:
            user = locked_user(connection, user_id)
            recent = (
                t.links.c.user_id == user_id,
                t.links.c.purpose == request.purpose.value,
                t.links.c.created_at > at - PAUSE,
            )
            if not user.enabled or connection.execute(select(t.links.c.id).where(*recent).limit(1)).first() is not None:
                return False
            mail_link(connection, user_id, request, at=at, mail=mail)
            Journal(connection, caller=caller, at=at).note("user.password_forgotten", "user", user_id)
        return True

    def link(self, link_id: int) -> LinkFacts | None:
        """LinkStore.link."""
        with read(self._engine) as connection:
            row = connection.execute(select(t.links).where(t.links.c.id == link_id)).one_or_none()
        return None if row is None else _facts(row)

    def redeem(self, link: LinkFacts, hashed: str, *, keep: int, caller: Caller, at: datetime, mail: NewMail | None) -> None:
        """LinkStore.redeem."""
        with write(self._engine) as connection:
            row = connection.execute(select(t.links).where(t.links.c.id == link.id).with_for_update()).one_or_none()
            if row is None or not _same(_facts(row), link) or not _facts(row).works(at):
                raise LinkInvalidError
            user = locked_user(connection, link.user_id)
            if not user.enabled:
                raise LinkInvalidError
            connection.execute(update(t.links).where(t.links.c.id == link.id).values(used_at=at))
            journal = Journal(connection, caller=caller, at=at)
            save_password(journal, user, hashed, keep=keep, mail=mail, reason=f"by a link: {link.purpose.value}")


def _begin(journal: Journal, user: Row[Any], status: str, *, reason: str | None) -> None:
    """The status, and the end of what was before it."""
    touch_user(journal.connection, user.id, at=journal.at, auth_status=status)
    # else whoever is locked after a reset, and then activated, would have the old one again
    void_password(journal.connection, user.id)
    end_access(journal.connection, [user.id])
    before, after = {"auth_status": user.auth_status}, {"auth_status": status}
    journal.note("user.password_reset", "user", user.id, before=before, after=after, reason=reason)


def _facts(row: Row[Any]) -> LinkFacts:
    return LinkFacts(
        id=row.id,
        user_id=row.user_id,
        purpose=LinkPurpose(row.purpose),
        digest=row.digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
    )


def _same(one: LinkFacts, other: LinkFacts) -> bool:
    return hmac.compare_digest(one.digest or b"", other.digest or b"")
