"""The event feed, and how its webhooks stand."""

from __future__ import annotations

import asyncio
from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_events import (
    EventFeedPage,
    EventResource,
    EventsQuery,
    WebhookList,
    WebhookPath,
    WebhookResource,
    WebhookSkipResource,
)
from syncd.http.schemas_plans import DecisionRequest
from syncd.http.waiting import NEW_EVENTS
from syncd.model.events import EventPage
from syncd.services.events import NOW, cursor_of, shown

EVENTS, WEBHOOKS = "/api/v1/events", "/api/v1/webhooks"


async def list_events(request: web.Request) -> web.Response:
    """What has changed since a cursor; waits for something to change where it is asked to."""
    query = part_of(request, EventsQuery)
    types = query.types.split(",") if query.types else []
    ends_at = asyncio.get_running_loop().time() + query.wait
    page = await _page(request, query.after, types, query.limit)
    while not (page.items or page.more or query.after == NOW):
        left = ends_at - asyncio.get_running_loop().time()
        if left <= 0 or not await request.app[NEW_EVENTS].after(page.position, seconds=left):
            break
        page = await _page(request, cursor_of(page.position), types, query.limit)
    items = [EventResource.model_validate(shown(event)) for event in page.items]
    return json_response(EventFeedPage(items=items, cursor=cursor_of(page.position), more=page.more))


async def list_webhooks(request: web.Request) -> web.Response:
    """The configured webhooks."""
    found = await request.app[STORE_CALLS](request.app[HOST].management.webhooks.list, name="list webhooks")
    return json_response(WebhookList(items=[WebhookResource.model_validate(webhook) for webhook in found]))


async def skip_delivery(request: web.Request) -> web.Response:
    """Give up on the delivery that blocks a webhook."""
    name, reason = part_of(request, WebhookPath).name, part_of(request, DecisionRequest).reason
    skip = partial(request.app[HOST].management.webhooks.skip, name, reason=reason, caller=caller_of(request))
    skipped = await request.app[STORE_CALLS](skip, name="skip delivery")
    return json_response(WebhookSkipResource.model_validate(skipped))


async def _page(request: web.Request, after: str | None, types: list[str], limit: int) -> EventPage:
    events, call = request.app[HOST].management.events, request.app[STORE_CALLS]
    fetch = partial(events.page, after=after, types=types, limit=limit)
    key = (id(events), after, tuple(types), limit)
    return await request.app[NEW_EVENTS].once(key, partial(call, fetch, name="list events"))
