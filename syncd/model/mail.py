"""What is mailed to people."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class MailKind(enum.StrEnum):
    """The mails; each has templates of its own. In brackets: what `NewMail.data` may have, beside `name` and `at`."""

    # the link comes by `link_id`, and with it `expires`
    INVITATION = "invitation"
    # [by: "administrator", or "" when somebody asked for it without being logged in]
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    # [by: "administrator", or "" for the person]
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    # [days: how many are left; expires: when, as text]
    PASSWORD_EXPIRING = "password_expiring"  # noqa: S105
    LOCKED = "locked"
    # [file, rows, expires]
    EXPORT_READY = "export_ready"
    # [server]
    TEST = "test"


class MailState(enum.StrEnum):
    """How far a mail has come."""

    QUEUED = "queued"
    SENT = "sent"
    # given up, or refused for good
    FAILED = "failed"


Data = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """A mail to be sent. There is never a secret in it: a link's is made by whoever sends the mail."""

    kind: MailKind
    # None: to somebody who is not in the store
    user_id: int | None
    to: str
    # what the templates may use
    data: Data = field(default_factory=dict)
    # the row of `links` whose address goes into it
    link_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMail(NewMail):
    """A mail of the outbox that this process has claimed."""

    id: int
    created_at: datetime
    # this one included
    tries: int
    # of the person, "" when it is nobody of the store
    username: str = ""
    full_name: str = ""

    def log_context(self) -> dict[str, str | int]:
        """What a log line says of it."""
        return {"mail": self.id, "kind": self.kind.value, "tries": self.tries}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailView:
    """A mail of the outbox, to look at."""

    id: int
    kind: MailKind
    state: MailState
    user_id: int | None
    recipient: str
    created_at: datetime
    # when it is tried next
    due_at: datetime
    tries: int
    last_error: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailsWaiting:
    """The mails that are neither sent nor given up."""

    count: int = 0
    # when the oldest was queued
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailLink:
    """A link whose secret has been made for one mail."""

    id: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail with everything that stands in it, the secret of a link included: never stored, never logged."""

    kind: MailKind
    to: str
    name: str
    # what the templates are given
    values: Mapping[str, object] = field(repr=False)
    # the same each time the same mail is sent
    message_key: str
    at: datetime
