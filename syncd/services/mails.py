"""Mail to people: made by whoever has something to tell, queued with what it tells of, sent from here.

`Mails` makes mails, lists and retries them. What sends them is `syncd.services.mailing`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from syncd.clock import Clock
from syncd.errors import NotFoundError
from syncd.model.caller import Caller
from syncd.model.mail import MailKind, MailState, MailsWaiting, MailView, NewMail
from syncd.settings.accounts import MailSettings


class MailLog(Protocol):
    """The outbox, to look at."""

    def list(self, *, state: MailState | None, limit: int, before_id: int | None) -> Sequence[MailView]:
        """Newest first. Raises StoreError."""

    def retry(self, numbers: Collection[int] | None, *, at: datetime, caller: Caller) -> Sequence[int]:
        """Make these, or all that failed, due at once; which ones were not sent. Raises StoreError."""

    def get(self, number: int) -> MailView | None:
        """One of them. Raises StoreError."""

    def waiting(self) -> MailsWaiting:
        """How many are queued, and since when. Raises StoreError."""


@dataclass(slots=True, kw_only=True)
class Mails:
    """Implements the Protocol `Mailer`."""

    settings: MailSettings
    outbox: MailLog
    clock: Clock
    _heard: list[Callable[[], None]] = field(default_factory=list)

    def new(
        self,
        kind: MailKind,
        *,
        user_id: int | None,
        to: str | None,
        name: str = "",
        link_id: int | None = None,
        **data: str | int | bool | None,
    ) -> NewMail | None:
        """A mail, for `queue_mail` or a store's method; None when no mail is configured, or there is no address."""
        if self.settings.host is None or not to:
            return None
        self._tell()
        about = {"name": name, "at": time_text(self.clock.now()), **data}
        return NewMail(kind=kind, user_id=user_id, to=to, link_id=link_id, data=about)

    def on_new(self, heard: Callable[[], None]) -> Callable[[], None]:
        """Have `heard` called whenever this process makes a mail, which is queued in a moment; what to call to end that."""
        self._heard.append(heard)
        return lambda: self._heard.remove(heard)

    def list(self, *, state: MailState | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[MailView]:
        """Newest first. Raises StoreError."""
        return self.outbox.list(state=state, limit=limit, before_id=before_id)

    def retry(self, numbers: Collection[int] | None, *, caller: Caller) -> Sequence[int]:
        """Send these, or all that failed, again; which ones. Raises NotFoundError unless each of them waits or failed,
        StoreError."""
        found = self.outbox.retry(numbers, at=self.clock.now(), caller=caller)
        self._tell()
        missing = sorted(set(numbers or ()) - set(found))
        if missing:
            raise NotFoundError(f"no mail waits or has failed under {', '.join(map(str, missing))}")
        return found

    def retry_one(self, number: int, *, caller: Caller) -> MailView:
        """Send one again; how it stands now. Raises NotFoundError unless it waits or failed, StoreError."""
        self.retry([number], caller=caller)
        view = self.outbox.get(number)
        if view is None:
            raise NotFoundError(f"no mail waits or has failed under {number}")
        return view

    def waiting(self) -> MailsWaiting | None:
        """What waits; None when no mail is configured. Raises StoreError."""
        return self.outbox.waiting() if self.settings.host is not None else None

    def _tell(self) -> None:
        for heard in tuple(self._heard):
            heard()


def site_name(settings: MailSettings) -> str:
    """What mails call this place."""
    return settings.site or urlsplit(settings.public_url).hostname or "syncd"


def link_address(settings: MailSettings, token: str) -> str:
    """Where a link leads: the page that asks for a password, which works without JavaScript and keeps the address to itself."""
    return f"{settings.public_url.rstrip('/')}/password?token={token}"


def time_text(at: datetime) -> str:
    """A time as mails write it; `at` is in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
