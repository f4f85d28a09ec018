"""Audit events and login attempts as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from syncd.http.schemas import MAX_ID, Moment, Resource, Strict
from syncd.http.schemas_lists import NO_CONTROLS

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_CONTROLS)]


class _TrailQuery(Strict):
    """What both have."""

    since: Moment | None = Field(default=None, examples=["2026-01-31T08:00:00Z"])
    """From this time on."""
    until: Moment | None = None
    """Before this time."""
    format: Literal["json", "csv", "jsonl"] = "json"
    """`json` is a page; the others are all of them, streamed, and take neither `limit` nor `before`."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only those older than the one with this id; `next` of a page has it filled in."""


class AuditQuery(_TrailQuery):
    """Which audit events."""

    actor: Word | None = None
    """Who did it: a username, `operator`, `run`, `syncd`."""
    action: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z_]+(\.([a-z_]+|\*))?$")] | None = None
    """What was done, such as `user.disabled`; `user.*` is everything that begins so."""
    subject_type: Word | None = None
    """What it was done to: `user`, `role`, `organization`, …"""
    subject_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Its id."""
    directory: Word | None = None
    """Only what this directory's runs did."""
    run_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only what this run did."""
    search: Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROLS)] = ""
    """A part of the reason, without regard to case."""


class AttemptsQuery(_TrailQuery):
    """Which login attempts."""

    name: Word | None = None
    """As it was typed, without regard to case."""
    user_id: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only those for this user."""
    outcome: Word | None = None
    """`accepted`, the code of a refusal, or `refused` for all refusals."""
    address: Word | None = None
    """Where it came from."""
    directory: Word | None = None
    """The directory that checked the password."""


class AuditEventItem(Resource):
    """One change of one thing, and who made it."""

    id: int
    at: datetime
    actor: str
    run_id: int | None
    request_id: str | None
    action: str
    subject_type: str
    subject_id: int
    """It may be gone by now."""
    directory: str | None
    before: Any
    """What changed, as it was."""
    after: Any
    """What changed, as it is since then."""
    reason: str | None


class AuditPage(Resource):
    """Audit events, newest first."""

    items: list[AuditEventItem]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class LoginAttemptItem(Resource):
    """A try to log in."""

    id: int
    at: datetime
    name: str
    """As it was typed."""
    user_id: int | None
    outcome: str
    """`accepted`, or the code of the refusal."""
    directory: str | None
    """That checked the password."""
    address: str | None
    request_id: str | None


class LoginAttemptPage(Resource):
    """Login attempts, newest first."""

    items: list[LoginAttemptItem]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
