"""Routes of the event feed and webhooks."""

from __future__ import annotations

from syncd.http.handlers import events
from syncd.http.routing import Route
from syncd.http.schemas_events import EventFeedPage, EventsQuery, WebhookList, WebhookPath, WebhookSkipResource
from syncd.http.schemas_plans import DecisionRequest
from syncd.model.permission import Permission

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=events.EVENTS,
        handler=events.list_events,
        permission=Permission.EVENTS_READ,
        summary="What has changed since a cursor; with `wait`, as soon as something does",
        tag="events",
        query=EventsQuery,
        responses={200: ("A page of events, oldest first.", EventFeedPage)},
        problems={
            400: "The cursor is not one that this server gave.",
            410: "What followed the cursor is no longer kept, or the store was put back to an earlier state: read everybody "
            "anew, then go on from `after=now`.",
            429: "Too many clients wait already.",
        },
    ),
    Route(
        method="GET",
        path=events.WEBHOOKS,
        handler=events.list_webhooks,
        permission=Permission.EVENTS_READ,
        summary="Receivers of events, and how they stand",
        tag="events",
        responses={200: ("All that are configured.", WebhookList)},
    ),
    Route(
        method="POST",
        path=f"{events.WEBHOOKS}/{{name}}/skip",
        handler=events.skip_delivery,
        permission=Permission.WEBHOOKS_WRITE,
        summary="Give up on the delivery that fails and blocks all that follow it",
        tag="events",
        params=WebhookPath,
        body=DecisionRequest,
        responses={200: ("What was given up; the next delivery is tried at once.", WebhookSkipResource)},
        problems={409: "No delivery to it has failed."},
    ),
)
