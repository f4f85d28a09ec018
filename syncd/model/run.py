"""One sync of one directory, from the request to its end."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


class Mode(enum.StrEnum):
    """How much a run reads."""

    # what changed, by the directory's feed; the full feed reads everything
    CHANGES = "changes"
    FULL = "full"
    # ids, DNs and versions of everything, then the entries that differ: what feeds cannot show
    SWEEP = "sweep"
    # nothing: grants are computed anew from the stored role identifiers, after the role mapping changed
    ROLES = "roles"

    @property
    def reads(self) -> bool:
        """Whether it reads the directory: only such a run says that the store is true to it."""
        return self is not Mode.ROLES

    def covers(self, other: Mode) -> bool:
        """Whether it does everything that the other does."""
        return _REACH.index(self) >= _REACH.index(other)


# a mode does everything that those before it do
_REACH = (Mode.ROLES, Mode.CHANGES, Mode.SWEEP, Mode.FULL)


class Trigger(enum.StrEnum):
    """Who asked for a run."""

    SCHEDULE = "schedule"
    START = "start"
    API = "api"
    CLI = "cli"
    SIGNAL = "signal"
    CONFIGURATION = "configuration"
    # the directory told of a change as it happened
    LIVE = "live"
    # somebody approved a held plan
    APPROVAL = "approval"
    # the process of an earlier run died
    RECOVERY = "recovery"


class Outcome(enum.StrEnum):
    """Where a run stands. `queued` and `running` are the only ones that change again."""

    QUEUED = "queued"
    RUNNING = "running"
    # everything of the directory is in the store
    SUCCEEDED = "succeeded"
    # the read was complete, but some entries could not be used (issues)
    PARTIAL = "partial"
    # the guard held the plan: nothing of it was applied
    HELD = "held"
    # nothing was applied, or a part that the next run completes; see code and message
    FAILED = "failed"
    # its process died; found by a later run
    ABANDONED = "abandoned"

    @property
    def final(self) -> bool:
        return self not in (Outcome.QUEUED, Outcome.RUNNING)

    @property
    def complete(self) -> bool:
        """Whether the store is as true to the directory as it can be."""
        return self in (Outcome.SUCCEEDED, Outcome.PARTIAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run's record."""

    id: int
    directory: str
    mode: Mode
    trigger: Trigger
    outcome: Outcome
    requested_at: datetime
    # who asked: a user's or a token's name, "" for the daemon itself
    actor: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    # "connect", "read users", "plan", "apply"; None before the start
    phase: str | None = None
    # URL of the server that was read
    server: str | None = None
    entries_read: int = 0
    # code of the error class, one sentence, and what to do: for every outcome but succeeded
    code: str | None = None
    message: str | None = None
    advice: str | None = None
    # Plan.counts plus "issues" (all that are open after this run)
    counts: Mapping[str, int] | None = None
    # how sure the read was: "complete", "partial", None where nothing was read
    verdict: str | None = None
    # the held plan that this run made, met again or applied
    plan_id: int | None = None
    # the feed it used (FeedKind, or "sweep"), and why that one
    feed: str | None = None
    feed_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """How a run ended, to be written into its record."""

    outcome: Outcome
    server: str | None = None
    entries_read: int = 0
    code: str | None = None
    message: str | None = None
    advice: str | None = None
    counts: Mapping[str, int] | None = None
    verdict: str | None = None
    plan_id: int | None = None
    feed: str | None = None
    feed_reason: str | None = None
