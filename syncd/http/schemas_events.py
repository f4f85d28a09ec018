"""Events and webhooks as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from syncd.http.schemas import Resource, Strict
from syncd.model.events import TYPE_PATTERN

_TYPE = TYPE_PATTERN.pattern.replace("(?:", "(")
_TYPES = rf"^({_TYPE})(,({_TYPE}))*$"


# ---------------------------------------------------------------- in
class EventsQuery(Strict):
    """Which events."""

    after: str | None = Field(default=None, min_length=1, max_length=100)
    """The `cursor` of an earlier answer, or of an event. `now`: none, but the present cursor. Left out: from the oldest that is
    kept."""
    limit: int = Field(default=100, ge=1, le=1000)
    """How many at most."""
    wait: int = Field(default=0, ge=0, le=60)
    """Seconds to wait for events when there are none."""
    types: str | None = Field(default=None, max_length=1000, pattern=_TYPES, examples=["access.revoked,user.*"])
    """Only these types, separated by commas; `user.*` for all about users."""


class WebhookPath(Strict):
    """Which webhook."""

    name: str = Field(min_length=1, max_length=200)
    """Name of a configured webhook."""


# ---------------------------------------------------------------- out
class EventSubject(Resource):
    """What an event is about."""

    type: str
    """`user`, `role`, `group`, `organization` or `unit`."""
    id: int


class EventActor(Resource):
    """Who did it."""

    kind: Literal["run", "api", "cli", "syncd"]
    """A run of a directory, a request of this API, the command line, or syncd itself where time alone has changed something."""
    name: str


class EventChange(Resource):
    """One field."""

    before: Any
    """Null: there was nothing, or it is not told."""
    after: Any
    """Null: there is nothing any more."""


class EventResource(Resource):
    """One change of a person, a role, a group, an organization, a unit, or of somebody's access."""

    id: int
    """Unique; ascending in the order of the feed, with gaps."""
    cursor: str
    """What to ask for the events after this one with."""
    type: Annotated[str, Field(examples=["access.revoked"])]
    """docs/events.md has all of them."""
    at: datetime
    """When it was done: within a transaction, so that two events may have the same time and the order is that of `id`."""
    subject: EventSubject
    directory: str | None
    """The directory that brought it."""
    changes: dict[str, EventChange]
    """By field."""
    reasons: list[str]
    """Of `access.revoked`: why the person cannot log in; `deleted`, or as in the login gate (`disabled`, `locked`,
    `directory_missing:NAME`, …)."""
    reason: str | None
    """What whoever did it said."""
    actor: EventActor
    run_id: int | None
    request_id: str | None


class EventFeedPage(Resource):
    """Events in the order in which they happened."""

    items: list[EventResource]
    cursor: str
    """What to ask for the following ones with, also where there are no events."""
    more: bool
    """Whether there may be further ones already."""


class WebhookResource(Resource):
    """A receiver of events."""

    name: str
    url: str
    """Without what may be secret in it."""
    types: list[str]
    """Empty: all."""
    state: Literal["new", "current", "behind", "failing"]
    """`new`: nothing was looked at yet. `current`: it has everything. `behind`: there is something to deliver. `failing`: the
    last delivery failed and is tried again."""
    cursor: str | None
    """After the last event that it has."""
    last_event_id: int | None
    """Of the last event that it has, or does not want."""
    pending: int
    """Events that it has not got yet; 1000 is 1000 or more."""
    pending_since: datetime | None
    """When the oldest of them happened."""
    failures: int
    """Tries of the present delivery that failed."""
    next_try_at: datetime | None
    last_error: str | None
    delivered_at: datetime | None
    """When it last took something."""


class WebhookSkipResource(Resource):
    """A delivery that was given up: its receiver never gets these events from here."""

    name: str
    after_id: int
    """Id after which the events were given up."""
    through_id: int
    """Id of the last one of them; what follows is delivered."""


class WebhookList(Resource):
    """All configured webhooks."""

    items: list[WebhookResource]
