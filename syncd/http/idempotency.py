"""Creations that may be repeated: who lost the answer asks again with the same Idempotency-Key and makes nothing twice.

As draft-ietf-httpapi-idempotency-key-header has it. What failed is not kept: its repetition is a new try. What took too long
may be done yet, and keeps its key.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial

from aiohttp import web

from syncd.errors import IdempotencyError, UsageError
from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.routing import Route, caller_of, part_of
from syncd.model.caller import Caller
from syncd.services.ports_people import Idempotency, KeptAnswer

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# of the first answer, what its repetition has as well
_KEPT = ("Content-Type", "Location", "ETag")


async def once(request: web.Request, route: Route) -> web.StreamResponse:
    """The route's answer, or that of the first request with this key. Raises IdempotencyError, UsageError."""
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        raise UsageError(f"{HEADER} has 1 to 200 visible ASCII characters")
    host, call, owner = request.app[HOST], request.app[STORE_CALLS], _owner(caller_of(request))
    answers = host.management.idempotency
    begin = partial(answers.begin, owner, key, digest=await _digest(request, route), at=host.now())
    kept = await call(begin, name="begin request")
    if kept is not None:
        return _again(kept)
    try:
        response = await route.handler(request)
    except Exception as error:
        # what nobody waited for may be done yet: its repetition must not do it again, and is told to look
        if not getattr(error, "uncertain", False):
            await call(partial(answers.forget, owner, key), name="forget request")
        raise
    await call(partial(_keep, answers, owner, key, response, route.secret), name="keep answer")
    return response


def _keep(answers: Idempotency, owner: str, key: str, response: web.StreamResponse, secret: bool) -> None:
    if not isinstance(response, web.Response) or response.status >= 300:
        answers.forget(owner, key)
        return
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    body = None if secret else bytes(response.body or b"")  # type: ignore[arg-type]
    answers.finish(owner, key, status=response.status, headers=headers, body=body)


def _again(kept: KeptAnswer) -> web.Response:
    if not kept.same:
        raise IdempotencyError("this idempotency key was used for another request")
    if kept.status is None:
        raise IdempotencyError(
            "the first request with this idempotency key has not been answered",
            advice="Wait a moment; if it stays so, look whether it did its work, and use a new key if not.",
        )
    if kept.body is None:
        raise IdempotencyError(
            "the first request with this idempotency key was answered, and its secret is shown only once",
            advice="Make a new one if the answer was lost.",
        )
    return web.Response(status=kept.status, headers=kept.headers, body=kept.body)


def _owner(caller: Caller) -> str:
    return f"user:{caller.user_id}" if caller.user_id is not None else f"token:{caller.name}"


async def _digest(request: web.Request, route: Route) -> bytes:
    """What makes two requests the same. A password in the body shows as asterisks: no quick hash of one may be kept."""
    head = f"{request.method} {request.path_qs}\n".encode()
    body = part_of(request, route.body).model_dump_json().encode() if route.body is not None else await request.read()
    return hashlib.sha256(head + body).digest()
