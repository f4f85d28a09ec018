"""The resources of the API as they go over the wire; the OpenAPI document is made from these.

Here is what all share, and runs; held plans and health have modules of their own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from syncd.model.run import Mode, Outcome, Trigger
from syncd.services.reasons import REASON_MAX, REASON_MIN

# what fits a 64-bit id column; anything above cannot exist
MAX_ID = 2**63 - 1


# no control characters, and three characters at least from the first to the last that is no space
_REASON = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]+[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"


def _says_something(value: str) -> str:
    text = value.strip()
    if not REASON_MIN <= len(text) <= len(value) <= REASON_MAX or not re.search(_REASON, value):
        raise ValueError(f"say why in {REASON_MIN} to {REASON_MAX} characters, without line breaks")
    return text


# why somebody takes something away; it goes into the audit trail
Reason = Annotated[
    str,
    AfterValidator(_says_something),
    Field(json_schema_extra={"minLength": REASON_MIN, "maxLength": REASON_MAX, "pattern": _REASON}),
]


class Strict(BaseModel):
    """What comes in: unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)


class Resource(BaseModel):
    """What goes out. Clients must ignore fields they do not know: new ones may come."""

    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


def _number(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, (bool, str)):
        raise ValueError("Input should be a valid integer")  # noqa: TRY004 - what pydantic understands
    return value


# whole numbers in bodies: JSON has one kind of numbers, so 7.0 is 7; and neither true nor "7" is one
WHOLE = BeforeValidator(_number)


def _moment(value: object) -> object:
    """A bare number would be taken for seconds since 1970."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("Input should be a time such as 2026-01-31T08:00:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("Input should be a time of the years 1 to 9999") from None


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
# a number of a row
Number = Annotated[int, Field(ge=1, le=MAX_ID), WHOLE]


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
