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
    failures: int
    next_try_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None
