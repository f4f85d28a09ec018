"""Held plans as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from syncd.http.schemas import MAX_ID, Reason, Resource, Strict
from syncd.model.hold import Kind, PlanState
from syncd.model.run import Mode


# ---------------------------------------------------------------- in
class PlanPath(Strict):
    """Which plan."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a held plan."""


class PlansQuery(Strict):
    """Which plans."""

    directory: str | None = Field(default=None, min_length=1, max_length=200)
    """Only plans of this directory."""
    state: PlanState | None = None
    """Only plans in this state."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    before: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only plans older than the one with this id; `next` of a page has it filled in."""


class ChangesQuery(Strict):
    """Which changes, and how."""

    format: Literal["json", "csv"] = "json"
    """`json` comes in pages; `csv` is all of it in one stream, and takes no `after` or `limit`."""
    after: int = Field(default=0, ge=0, le=1_000_000_000)
    """Only changes after the one with this row number; `next` of a page has it filled in."""
    limit: int = Field(default=200, ge=1, le=1000)
    """How many at most."""


class DecisionRequest(Strict):
    """Why somebody decides so."""

    reason: Reason = Field(examples=["The Lisbon office was sold; HR list of 2 March, ticket 4711."])
    """3 to 500 characters without line breaks; it goes into the audit trail with who decided."""


# ---------------------------------------------------------------- out
class ObjectionItem(Resource):
    """One reason to hold a plan: a threshold, and what went beyond it."""

    code: str
    kind: Kind
    """What was counted."""
    message: str
    count: int
    population: int
    """Of how many."""
    limit: int
    """How many were allowed."""
    of: str | None
    """The role identifier or the field, where each has a limit of its own."""


class PlanResource(Resource):
    """What a run would have taken away, kept until somebody decides."""

    id: int
    directory: str
    run_id: int
    """The run that first met it."""
    mode: Mode
    digest: str
    """Of all its changes: an approval is for exactly these."""
    state: PlanState
    """`held` waits for a decision, `approved` for the run that applies it; the others are final."""
    objections: list[ObjectionItem]
    counts: dict[str, int]
    """Changes by kind."""
    changes: int
    """How many changes there are to look at."""
    created_at: datetime
    expires_at: datetime
    """Until when it can be decided."""
    decided_at: datetime | None
    decided_by: str
    """Who decided; empty for syncd itself."""
    reason: str


class ChangeItem(Resource):
    """One change of one thing."""

    kind: str
    action: str
    id: str | None
    """Entry id or key."""
    name: str | None
    """DN, identifier or name."""
    field: str | None
    """What changes; null where the whole thing does."""
    before: str | int | bool | list[str] | None
    after: str | int | bool | list[str] | None
    rule: str
    """Which line of the configuration, or which fact of the directory, made it."""


class NumberedChange(ChangeItem):
    """One change, with its place in the plan."""

    row: int


class PlanDetail(PlanResource):
    """A plan with something to look at."""

    samples: list[ChangeItem]
    """Up to 20 of the changes, removals first."""


class PlanPage(Resource):
    """Plans, newest first."""

    items: list[PlanResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class ChangePage(Resource):
    """Changes of a plan, in its order."""

    items: list[NumberedChange]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
