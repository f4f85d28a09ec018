"""The answers of the probes as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from syncd.http.schemas import Resource
from syncd.model.hold import PlanState
from syncd.model.run import Outcome


class ProblemItem(Resource):
    """Something to look at."""

    code: str
    message: str
    advice: str


class RunSummary(Resource):
    """A finished run, in short."""

    run: int
    outcome: Outcome
    verdict: str | None
    """How sure the read was: `complete` or `partial` (`code` and `message` say why); null where nothing was read."""
    started_at: datetime | None
    finished_at: datetime | None
    server: str | None
    entries_read: int
    code: str | None
    message: str | None
    advice: str | None
    counts: dict[str, int] | None
    feed: str | None
    """What it was read by: `full`, `sweep`, or the feed that names changes."""
    feed_reason: str | None
    """Why by that."""


class RunningSummary(Resource):
    """A run at work."""

    run: int | None
    started_at: datetime
    phase: str | None
    done: int | None
    """Entries or changes done in this phase."""
    total: int | None
    """How many there are, where that is known."""


class HeldPlanSummary(Resource):
    """The plan that waits for a decision or, once approved, for the run that applies it."""

    id: int
    state: PlanState
    since: datetime
    expires: datetime
    objections: list[str]


class DirectoryHealthResource(Resource):
    """How one directory is."""

    status: Literal["ok", "degraded", "failed"]
    current: bool
    """The store shows this directory as it is, within the schedule's tolerance."""
    last_complete: RunSummary | None
    last_complete_age_seconds: float | None
    cursor_lag_seconds: float | None
    """By how much the store may be behind the directory: the time since the last complete run began to read."""
    last_attempt: RunSummary | None
    held_plan: HeldPlanSummary | None
    running: RunningSummary | None
    queued: bool
    next_due: datetime | None
    watched: bool
    """Whether the directory tells of changes as they happen."""
    not_watched: str | None
    """Why it does not."""
    issues: int | None
    """Entries that could not be used, as of the last complete run."""
    problems: list[ProblemItem]


class WebhookHealthResource(Resource):
    """How one webhook is."""

    status: Literal["ok", "degraded"]
    """`degraded`: its deliveries fail, and the oldest event has waited for more than 15 minutes."""
    pending: int
    """Events that it has not got yet; 1000 is 1000 or more."""
    pending_since: datetime | None
    """When the oldest of them happened."""
    failures: int
    """Tries of the present delivery that failed."""
    last_error: str | None
    next_try_at: datetime | None
    delivered_at: datetime | None
    problems: list[ProblemItem]


class MailHealthResource(Resource):
    """How mail is."""

    status: Literal["ok", "degraded"]
    """`degraded`: the oldest mail has waited for more than 15 minutes."""
    waiting: int
    waiting_since: datetime | None
    problems: list[ProblemItem]


class HealthResource(Resource):
    """How all of it is."""

    status: Literal["ok", "degraded", "failed"]
    current: bool
    """False: what the store says should not be taken for what the directories say."""
    at: datetime
    version: str
    started_at: datetime
    problems: list[ProblemItem]
    directories: dict[str, DirectoryHealthResource]
    webhooks: dict[str, WebhookHealthResource]
    """Those that were looked at since the start."""
    mail: MailHealthResource | None
    """Null: no mail is configured, or nothing was looked at yet."""


class ProbeResource(Resource):
    """A probe's answer."""

    status: Literal["ok", "unavailable"]
    problems: list[ProblemItem] = Field(default_factory=list)


class DirectoryReadyResource(Resource):
    """Whether one directory's picture can be relied on."""

    current: bool
    problems: list[ProblemItem]


class ReadyResource(Resource):
    """Whether what syncd serves can be relied on."""

    status: Literal["ok", "degraded", "unavailable"]
    problems: list[ProblemItem]
    directories: dict[str, DirectoryReadyResource]
