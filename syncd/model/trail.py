"""What happened: which audit events and which login attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which audit events; all conditions must hold."""

    actor: str | None = None
    # "user.disabled", or "user.*" for all that begin so
    action: str | None = None
    subject_type: str | None = None
    subject_id: int | None = None
    directory: str | None = None
    run_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    # a part of the reason, without regard to case
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFilter:
    """Which login attempts; all conditions must hold."""

    # as it was typed, without regard to case
    name: str | None = None
    user_id: int | None = None
    # "accepted", or the code of a refusal; "refused" for all refusals
    outcome: str | None = None
    address: str | None = None
    directory: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A try to log in."""

    id: int
    at: datetime
    # as it was typed, cut to a length
    name: str
    user_id: int | None
    # "accepted", or the code of the refusal
    outcome: str
    # that checked the password
    directory: str | None
    address: str | None
    request_id: str | None
