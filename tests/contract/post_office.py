"""Mail on a store and a mail server: what the tests of mail work with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update

from syncd.model.caller import Caller
from syncd.model.mail import MailKind, MailView, NewMail
from syncd.notify.post import SmtpPost
from syncd.services.mailing import MailReport, MailSender
from syncd.services.mails import Mails
from syncd.settings.accounts import MailSettings
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.links import new_link
from syncd.store.outbox import SqlOutbox, queue_mail
from tests.fakes.edge import FakeClock
from tests.fakes.people_rows import Rows
from tests.servers.smtp import SmtpServer

ADMINISTRATOR = Caller(name="root", everything=True)


def mail_settings(smtp: SmtpServer, **changes: Any) -> MailSettings:
    """For a server of a test; not encrypted unless `changes` say so."""
    plain = {"host": "127.0.0.1", "port": smtp.port, "security": "none", "timeout": "20s"}
    plain |= {"sender": "Syncd <syncd@example.com>", "public_url": "https://syncd.example.com/"}
    return MailSettings.model_validate(plain | changes)


class PostOffice:
    """One process's mail. Several on one engine are several daemons."""

    def __init__(self, engine: Engine, smtp: SmtpServer, *, clock: FakeClock | None = None, **changes: Any) -> None:
        self.engine = engine
        self.clock = clock or FakeClock()
        self.settings = mail_settings(smtp, **changes)
        self.outbox = SqlOutbox(engine)
        self.mails = Mails(settings=self.settings, outbox=self.outbox, clock=self.clock)
        self.sender = MailSender(
            settings=self.settings, outbox=self.outbox, post=SmtpPost(self.settings), clock=self.clock, kept=timedelta(days=30)
        )

    def person(self, username: str = "ada") -> int:
        return Rows(self.engine).user(username, first_name="Ada", last_name="Lovelace")

    def queue(self, to: str = "ada@example.com", *, kind: MailKind = MailKind.LOCKED, **about: Any) -> NewMail:
        """A mail, queued as a use case does it."""
        mail = self.mails.new(kind, to=to, user_id=about.pop("user_id", None), **about)
        assert mail is not None
        with write(self.engine) as connection:
            queue_mail(connection, mail, at=self.clock.now())
        return mail

    def queue_link(self, user_id: int, *, kind: MailKind = MailKind.INVITATION, lifetime: timedelta = timedelta(days=7)) -> int:
        """A mail with a link; the link's number."""
        now = self.clock.now()
        with write(self.engine) as connection:
            link = new_link(connection, user_id, purpose="invitation", at=now, expires_at=now + lifetime)
            queue_mail(connection, self.mails.new(kind, user_id=user_id, to="ada@example.com", link_id=link), at=now)
        return link

    def work(self, *, stopping: Callable[[], bool] = lambda: False) -> MailReport:
        return self.sender.work(stopping=stopping)

    def listed(self) -> list[MailView]:
        """Oldest first."""
        return list(reversed(self.mails.list()))

    def links(self) -> list[Any]:
        with read(self.engine) as connection:
            return list(connection.execute(select(t.links).order_by(t.links.c.id)))

    def audit(self) -> list[Any]:
        """(action, actor, reason)"""
        with read(self.engine) as connection:
            found = select(t.audit_events.c.action, t.audit_events.c.actor, t.audit_events.c.reason)
            return [tuple(row) for row in connection.execute(found.order_by(t.audit_events.c.id))]

    def use_links(self) -> None:
        with write(self.engine) as connection:
            connection.execute(update(t.links).values(used_at=self.clock.now()))

    def delete_person(self, user_id: int) -> None:
        with write(self.engine) as connection:
            connection.execute(delete(t.users).where(t.users.c.id == user_id))

    def row(self, **values: Any) -> None:
        """A row of the outbox as it is."""
        now = self.clock.now()
        whole = {"kind": "locked", "recipient": "ada@example.com", "data": {}, "created_at": now, "due_at": now} | values
        with write(self.engine) as connection:
            connection.execute(insert(t.outbox).values(whole))
