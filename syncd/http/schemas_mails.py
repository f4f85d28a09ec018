"""Mail of the outbox as it goes over the wire: never what stands in it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from syncd.http.schemas import MAX_ID, Resource, Strict
from syncd.model.mail import MailKind, MailState


# ---------------------------------------------------------------- in
class MailPath(Strict):
    """Which mail."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a mail."""


class MailsQuery(Strict):
    """Which mails."""

    state: MailState | None = None
    """Only mails in this state."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only those older than the one with this id; `next` of a page has it filled in."""


# ---------------------------------------------------------------- out
class MailResource(Resource):
    """A mail, without what stands in it."""

    id: int
    kind: MailKind
    state: MailState
    """`queued`: it waits. `sent`: the mail server has it. `failed`: it was given up, or refused for good."""
    user_id: int | None
    """Whom it is about; null: nobody of the store."""
    recipient: str
    created_at: datetime
    """When it was queued, or tried anew by hand."""
    due_at: datetime
    """When it is tried next."""
    tries: int
    last_error: str | None
    sent_at: datetime | None


class MailPage(Resource):
    """Mails, newest first."""

    items: list[MailResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
