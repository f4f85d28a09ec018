"""API keys: anybody's, and one's own."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.errors import ForbiddenError
from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_actions import ActionRequest, TakingRequest
from syncd.http.schemas_keys import KeyList, KeyPath, KeyRequest, KeyResource, NewKeyResource, OwnKeyPath
from syncd.http.schemas_users import UserPath
from syncd.services.keys import KeyService

USERS, ME = "/api/v1/users", "/api/v1/me"


async def list_keys(request: web.Request) -> web.Response:
    """The keys of a user."""
    return await _list(request, part_of(request, UserPath).id)


async def create_key(request: web.Request) -> web.Response:
    """A key for a user."""
    user_id = part_of(request, UserPath).id
    return await _create(request, user_id, f"{USERS}/{user_id}/keys")


async def revoke_key(request: web.Request) -> web.Response:
    """End a key of a user."""
    path = part_of(request, KeyPath)
    return await _revoke(request, path.id, path.key_id, part_of(request, TakingRequest).reason)


async def list_own_keys(request: web.Request) -> web.Response:
    """One's own keys."""
    return await _list(request, own_id(request))


async def create_own_key(request: web.Request) -> web.Response:
    """A key for oneself."""
    return await _create(request, own_id(request), f"{ME}/keys")


async def revoke_own_key(request: web.Request) -> web.Response:
    """End a key of one's own."""
    return await _revoke(request, own_id(request), part_of(request, OwnKeyPath).key_id, part_of(request, ActionRequest).reason)


def own_id(request: web.Request) -> int:
    """Who asks, as a user."""
    user_id = caller_of(request).user_id
    if user_id is None:
        raise ForbiddenError("This needs a person's own session or key.")
    return user_id


async def _list(request: web.Request, user_id: int) -> web.Response:
    keys = await request.app[STORE_CALLS](partial(_service(request).list, user_id), name="list keys")
    return json_response(KeyList(items=[KeyResource.model_validate(key) for key in keys]))


async def _create(request: web.Request, user_id: int, path: str) -> web.Response:
    body = part_of(request, KeyRequest)
    create = partial(
        _service(request).create, user_id,
        organization_id=body.organization_id, name=body.name, expires_at=body.expires_at, caller=caller_of(request),
    )  # fmt: skip
    made = await request.app[STORE_CALLS](create, name="create key")
    key = KeyResource.model_validate(made.key).model_dump()
    replaced = made.replaced and KeyResource.model_validate(made.replaced)
    answer = NewKeyResource.model_validate(key | {"token": made.token, "replaced": replaced})
    # a secret: nobody on the way keeps it
    headers = {"Location": f"{path}/{made.key.id}", "Cache-Control": "no-store"}
    return json_response(answer, status=201, headers=headers)


async def _revoke(request: web.Request, user_id: int, key_id: int, reason: str | None) -> web.Response:
    revoke = partial(_service(request).revoke, user_id, key_id, caller=caller_of(request), reason=reason)
    await request.app[STORE_CALLS](revoke, name="revoke key")
    return web.Response(status=204)


def _service(request: web.Request) -> KeyService:
    return request.app[HOST].management.keys
