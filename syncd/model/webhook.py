"""Webhooks: what is sent, and how a receiver stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookState:
    """A receiver as the store has it."""

    name: str
    # of the last event that was delivered or passed over
    position: int
    # of the last event of the delivery under way, which is repeated as it was
    tried_through: int | None
    failures: int
    next_try_at: datetime | None
    claimed_until: datetime | None
    last_error: str | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookStanding:
    """What a receiver has not got yet, and why."""

    name: str
    # None while nothing was looked at
    state: WebhookState | None
    # of the newest event there was, wanted or not
    newest: int
    # events that wait; not counted beyond `PENDING_LIMIT` of services.webhooks
    pending: int = 0
    # when the oldest of them happened
    pending_since: datetime | None = None

    @property
    def failures(self) -> int:
        """Tries of the present delivery that failed."""
        return self.state.failures if self.state else 0

    @property
    def last_error(self) -> str | None:
        """Of the last try, if that failed."""
        return self.state.last_error if self.state else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSkip:
    """A delivery that was given up: the events after one id, up to and including another."""

    name: str
    after_id: int
    through_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to a receiver."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    # seconds for all of it
    timeout: float
    ca_file: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A receiver as others see it."""

    name: str
    url: str
    types: tuple[str, ...]
    # "new", "current", "behind", "failing"
    state: str
    cursor: str | None
    # of the last event that it has, or does not want
    last_event_id: int | None
    pending: int
    pending_since: datetime | None
    failures: int
    next_try_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None
