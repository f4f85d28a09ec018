"""The resources of the API as they go over the wire; the OpenAPI document is made from these.

Here is what all share, and runs; held plans and health have modules of their own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from syncd.model.run import Mode, Outcome, Trigger

# what fits a 64-bit id column; anything above cannot exist
MAX_ID = 2**63 - 1


class Strict(BaseModel):
    """What comes in: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Resource(BaseModel):
    """What goes out. Clients must ignore fields they do not know: new ones may come."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


# ---------------------------------------------------------------- in
class NoQuery(Strict):
    """A route without query parameters."""


class DirectoryPath(Strict):
    """Which directory."""

    directory: str = Field(min_length=1, max_length=200)
    """Name of a configured directory."""


class RunPath(Strict):
    """Which run."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a run."""


class RunsQuery(Strict):
    """Which runs."""

    directory: str | None = Field(default=None, min_length=1, max_length=200)
    """Only runs of this directory."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only runs older than the one with this id; `next` of a page has it filled in."""


class SyncRequest(Strict):
    """What kind of run."""

    mode: Literal["changes", "sweep", "full"] = "changes"
    """`changes` asks the feed what changed; `sweep` compares ids, names and versions of all entries; `full` reads everything
    and compares."""


# ---------------------------------------------------------------- out
class RunResource(Resource):
    """One sync of one directory."""

    id: int
    directory: str
    mode: Mode
    """`changes`, `sweep`, `full`, or `roles` (grants computed anew, nothing read)."""
    trigger: Trigger
    """What made it run."""
    actor: str
    """Who asked for it, where that is a person: `operator`, or the account of the command line."""
    outcome: Outcome
    """`queued` and `running` change again; the others are final. `succeeded` and `partial` were complete reads."""
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    phase: str | None
    """What it is, or was last, doing."""
    server: str | None
    """URL of the server that was read."""
    entries_read: int
    code: str | None
    """Stable code of what went wrong."""
    message: str | None
    """What went wrong, in one sentence."""
    advice: str | None
    """What to do about it."""
    counts: dict[str, int] | None
    """Changes by kind, and the totals `users` and `issues`."""
    verdict: str | None
    """How sure the read was: `complete` or `partial`; null where nothing was read."""
    plan_id: int | None
    """The held plan that this run made, met again or applied."""
    feed: str | None
    """What it was read by: `full`, `sweep`, or the feed that names changes."""
    feed_reason: str | None
    """Why by that."""


class RunPage(Resource):
    """Runs, newest first."""

    items: list[RunResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


# ---------------------------------------------------------------- errors
class ErrorItem(Resource):
    """One wrong field."""

    pointer: Annotated[str, Field(examples=["/mode"])]
    message: str


class ProblemResource(Resource):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    """Stable; the same as in the log, the CLI and run records."""
    detail: str
    request_id: str
    """What the log has this request under."""
    advice: str | None = None
    errors: list[ErrorItem] | None = None
