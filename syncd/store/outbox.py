"""Mail that waits to be sent.

A mail is a row, written with what it tells of, so that neither can be lost without the other. Whoever sends claims a few rows
for a while: another process passes over them, and gets them should the first one die.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, delete, func, insert, or_, select, update

from syncd.model.caller import ITSELF, Caller
from syncd.model.mail import MailKind, MailLink, MailState, MailsWaiting, MailView, NewMail, QueuedMail
from syncd.store import schema as t
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal

_QUEUED = MailState.QUEUED.value


def queue_mail(connection: Connection, mail: NewMail | None, *, at: datetime) -> None:
    """Queue a mail in the transaction of what it tells of; None is ignored."""
    if mail is None:
        return
    connection.execute(
        insert(t.outbox).values(
            kind=mail.kind.value,
            user_id=mail.user_id,
            recipient=mail.to,
            data=dict(mail.data),
            link_id=mail.link_id,
            created_at=at,
            due_at=at,
        )
    )


class SqlOutbox:
    """The outbox of `syncd.services.mails`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ sending
    def claim(self, *, at: datetime, until: datetime, limit: int) -> Sequence[QueuedMail]:
        """Take due mails for this process until then, oldest first, and count a try of each. Raises StoreError."""
        box = t.outbox.c
        free = or_(box.claimed_until.is_(None), box.claimed_until <= at)
        due = select(box.id).where(box.state == _QUEUED, box.due_at <= at, free).order_by(box.due_at, box.id).limit(limit)
        with write(self._engine, ordered=False) as connection:
            numbers = list(connection.scalars(due.with_for_update(skip_locked=True)))
            if not numbers:
                return ()
            taken = update(t.outbox).where(box.id.in_(numbers)).values(claimed_until=until, tries=box.tries + 1)
            connection.execute(taken)
            columns = (*t.outbox.c, t.users.c.username, t.users.c.first_name, t.users.c.last_name)
            wanted = select(*columns).select_from(t.outbox).outerjoin(t.users, t.users.c.id == box.user_id)
            rows = connection.execute(wanted.where(box.id.in_(numbers)).order_by(box.due_at, box.id))
            return tuple(_queued(row) for row in rows)

    def open_link(self, mail: QueuedMail, *, digest: bytes, at: datetime) -> MailLink | None:
        """Give the mail's link a secret; None when the link was used, withdrawn or has expired. Raises StoreError.

        When the mail may have arrived before, with another secret, that one goes on working: the person may use the first mail
        or the second.
        """
        links = t.links.c
        with write(self._engine, ordered=False) as connection:
            row = connection.execute(select(t.links).where(links.id == mail.link_id).with_for_update()).one_or_none()
            if row is None or row.used_at is not None or row.expires_at <= at:
                return None
            if row.digest is None:
                connection.execute(update(t.links).where(links.id == row.id).values(digest=digest))
                return MailLink(id=row.id, expires_at=row.expires_at)
            again = {**row._asdict(), "digest": digest}
            del again["id"]
            number = connection.execute(insert(t.links).values(again).returning(links.id)).scalar_one()
            connection.execute(update(t.outbox).where(t.outbox.c.id == mail.id).values(link_id=number))
            return MailLink(id=number, expires_at=row.expires_at)

    def close_link(self, link: MailLink) -> None:
        """The mail has certainly not arrived: take the secret back. Raises StoreError."""
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.links).where(t.links.c.id == link.id).values(digest=None))

    def sent(self, mail: QueuedMail, *, at: datetime) -> None:
        """It has arrived at the server. Raises StoreError."""
        self._mark(mail, state=MailState.SENT.value, sent_at=at, claimed_until=None, last_error=None)

    def put_off(self, mail: QueuedMail, *, due_at: datetime, error: str) -> None:
        """It is tried again then. Raises StoreError."""
        self._mark(mail, due_at=due_at, claimed_until=None, last_error=error)

    def release(self, mails: Collection[QueuedMail]) -> None:
        """Give back what was claimed and not tried. Raises StoreError."""
        if mails:
            box = t.outbox.c
            with write(self._engine, ordered=False) as connection:
                given = update(t.outbox).where(box.id.in_([mail.id for mail in mails]), box.state == _QUEUED)
                connection.execute(given.values(claimed_until=None, tries=box.tries - 1))

    def give_up(self, mail: QueuedMail, *, at: datetime, error: str) -> None:
        """It is not tried any more, and the audit says so. Raises StoreError."""
        box = t.outbox.c
        with write(self._engine) as connection:
            changed = update(t.outbox).where(box.id == mail.id, box.state == _QUEUED)
            values = {"state": MailState.FAILED.value, "claimed_until": None, "last_error": error}
            if connection.execute(changed.values(values)).rowcount:
                after = {"kind": mail.kind.value, "recipient": mail.to, "user_id": mail.user_id, "tries": mail.tries}
                Journal(connection, caller=ITSELF, at=at).note("mail.given_up", "mail", mail.id, after=after, reason=error)

    def _mark(self, mail: QueuedMail, **values: Any) -> None:
        box = t.outbox.c
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.outbox).where(box.id == mail.id, box.state == _QUEUED).values(values))

    # ------------------------------------------------------------ looking
    def waiting(self) -> MailsWaiting:
        """How many are queued, and since when. Raises StoreError."""
        box = t.outbox.c
        with read(self._engine) as connection:
            counted = select(func.count(), func.min(box.created_at)).where(box.state == _QUEUED)
            count, since = connection.execute(counted).one()
            return MailsWaiting(count=count, since=since)

    def get(self, number: int) -> MailView | None:
        """One of them. Raises StoreError."""
        with read(self._engine) as connection:
            row = connection.execute(select(t.outbox).where(t.outbox.c.id == number)).one_or_none()
        return None if row is None else _view(row)

    def list(self, *, state: MailState | None, limit: int, before_id: int | None) -> Sequence[MailView]:
        """Newest first. Raises StoreError."""
        box = t.outbox.c
        conditions: list[ColumnElement[bool]] = []
        if state is not None:
            conditions.append(box.state == state.value)
        if before_id is not None:
            conditions.append(box.id < before_id)
        with read(self._engine) as connection:
            rows = connection.execute(select(t.outbox).where(*conditions).order_by(box.id.desc()).limit(limit))
            return tuple(_view(row) for row in rows)

    def retry(self, numbers: Collection[int] | None, *, at: datetime, caller: Caller) -> Sequence[int]:
        """Make these, or all that failed, due at once; which ones were not sent. Raises StoreError."""
        box = t.outbox.c
        chosen = box.state == MailState.FAILED.value
        if numbers is not None:
            chosen = (box.state != MailState.SENT.value) & box.id.in_(list(numbers))
        with write(self._engine) as connection:
            rows = connection.execute(select(box.id, box.state).where(chosen).order_by(box.id)).all()
            found = [row.id for row in rows]
            # the time until it is given up begins anew; whoever is sending it at this moment goes on alone
            claimed = case((box.claimed_until > at, box.claimed_until), else_=None)
            anew = {"state": _QUEUED, "due_at": at, "created_at": at, "tries": 0, "claimed_until": claimed}
            connection.execute(update(t.outbox).where(box.id.in_(found)).values(anew))
            journal = Journal(connection, caller=caller, at=at)
            for row in rows:
                journal.add("mail.retried", "mail", row.id, before={"state": row.state}, after={"state": _QUEUED})
            journal.write()
        return found

    def prune(self, *, before: datetime) -> int:
        """Delete what was sent or given up before then; how many. Raises StoreError."""
        box = t.outbox.c
        with write(self._engine, ordered=False) as connection:
            old = delete(t.outbox).where(box.state != _QUEUED, func.coalesce(box.sent_at, box.due_at) < before)
            return connection.execute(old).rowcount


def _queued(row: Row[Any]) -> QueuedMail:
    return QueuedMail(
        id=row.id,
        kind=MailKind(row.kind),
        user_id=row.user_id,
        to=row.recipient,
        data=row.data,
        link_id=row.link_id,
        created_at=row.created_at,
        tries=row.tries,
        username=row.username or "",
        full_name=" ".join(part for part in (row.first_name, row.last_name) if part),
    )


def _view(row: Row[Any]) -> MailView:
    fields = row._asdict()
    same = ("id", "user_id", "recipient", "created_at", "due_at", "tries", "last_error", "sent_at")
    return MailView(kind=MailKind(row.kind), state=MailState(row.state), **{name: fields[name] for name in same})
