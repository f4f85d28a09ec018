"""What a run has come to: where it is, and the plan it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    directory: str
    # "connect", "read users", "read roles", "read units", "plan", "apply"
    phase: str
    # entries read, or changes applied
    done: int
    # changes to apply; None where nobody knows how many there will be
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and where it comes from: what a dry run shows and a real run applies."""

    plan: Plan
    server: str | None
    entries_read: int
    # the feed that was used, and why that one; "" where nothing was read
    feed: str = ""
    feed_reason: str = ""


ProgressSink = Callable[[Progress], None]
