"""Actions on users: on one, where a refusal is a problem document, and on many, where it is one row of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from syncd.errors import StoreError
from syncd.http.blocking import STORE_CALLS, StoreCalls
from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.routing import Handler, caller_of, etag_of, if_match, part_of
from syncd.http.schemas_actions import (
    ActionRequest,
    ActionResource,
    BulkResource,
    LinkRequest,
    LinkResource,
    ManyRequest,
    TakingManyRequest,
    TakingRequest,
    UnlinkRequest,
)
from syncd.http.schemas_users import UserPath
from syncd.model.actions import NEEDS_REASON, Action, Result, RowResult, counts
from syncd.services.actions import ActionService

R = TypeVar("R", bound=RowResult)

# people of one call into the store: an action for a thousand must not keep others from theirs, or run into their time limit
STEP = 25


def request_for(action: Action, *, many: bool) -> type[BaseModel]:
    """The model of the body."""
    if many:
        return TakingManyRequest if action in NEEDS_REASON else ManyRequest
    return TakingRequest if action in NEEDS_REASON else ActionRequest


def for_one(action: Action) -> Handler:
    """The handler of an action on one user."""

    async def handle(request: web.Request) -> web.Response:
        user_id, body = part_of(request, UserPath).id, part_of(request, request_for(action, many=False))
        assert isinstance(body, (ActionRequest, TakingRequest))
        act = partial(
            _service(request).act, action, user_id,
            caller=caller_of(request), reason=body.reason, if_match=if_match(request),
        )  # fmt: skip
        done = await request.app[STORE_CALLS](act, name=f"{action.value} user")
        tag = {} if done.version is None else {"ETag": etag_of(done.version)}
        return json_response(ActionResource.model_validate(done), headers=tag)

    handle.__name__ = f"{action.value.replace('-', '_')}_user"
    return handle


def for_many(action: Action) -> Handler:
    """The handler of an action on many users."""

    async def handle(request: web.Request) -> web.Response:
        body = part_of(request, request_for(action, many=True))
        assert isinstance(body, (ManyRequest, TakingManyRequest))
        results = await _act_on_many(request, action, body)
        told = [ActionResource.model_validate(row) for row in results]
        return json_response(BulkResource(action=action, results=told, **counts(results)))

    handle.__name__ = f"{action.value.replace('-', '_')}_users"
    return handle


async def link_user(request: web.Request) -> web.Response:
    """Make a directory's entry, which is another user's, one of this user."""
    user_id, body = part_of(request, UserPath).id, part_of(request, LinkRequest)
    link = partial(
        _service(request).link, user_id,
        directory=body.directory, dn=body.dn, entry_id=body.entry_id, caller=caller_of(request), reason=body.reason,
    )  # fmt: skip
    done = await request.app[STORE_CALLS](link, name="link user")
    return json_response(LinkResource.model_validate(done))


async def unlink_user(request: web.Request) -> web.Response:
    """Make a user's entry of one directory a user of its own."""
    user_id, body = part_of(request, UserPath).id, part_of(request, UnlinkRequest)
    unlink = partial(_service(request).unlink, user_id, directory=body.directory, caller=caller_of(request), reason=body.reason)
    done = await request.app[STORE_CALLS](unlink, name="unlink user")
    return json_response(LinkResource.model_validate(done))


async def _act_on_many(request: web.Request, action: Action, body: ManyRequest | TakingManyRequest) -> Sequence[RowResult]:
    service, call = _service(request), request.app[STORE_CALLS]
    if "ids" in body.model_fields_set:
        chosen = partial(service.chosen, ids=body.ids)
    else:
        chosen = partial(service.chosen, matching=body.filter, count=body.count)
    ids = await call(chosen, name="choose users")
    rows = service.rows(action, ids, caller=caller_of(request), reason=body.reason)
    return await in_steps(call, rows, ids, made=RowResult, name=f"{action.value} users", step=STEP)


async def in_steps(
    call: StoreCalls, rows: Iterator[R], ids: Sequence[int], *, made: type[R], name: str, step: int
) -> Sequence[R]:
    """The rows, so many in one call; where a call fails, what was done before must be told, so that is no problem document."""
    results: list[R] = []
    while len(results) < len(ids):
        try:
            results += await call(lambda: list(islice(rows, step)), name=name)
        except StoreError as error:
            message = f"{error.message}; look whether it was done"
            unknown = partial(made, result=Result.REFUSED, code=error.code, message=message)
            results += [unknown(id=user_id) for user_id in ids[len(results) :]]
    return results


def _service(request: web.Request) -> ActionService:
    return request.app[HOST].management.actions
