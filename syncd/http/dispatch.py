"""From a route of the table to a handler of aiohttp: permission first, then each part of the request, then the handler."""

from __future__ import annotations

from collections import Counter

from aiohttp import web
from pydantic import BaseModel, ValidationError

from syncd.errors import NotFoundError
from syncd.http import idempotency
from syncd.http.auth import authorize
from syncd.http.problems import InvalidRequestError, MalformedBodyError, UnsupportedMediaTypeError, invalid
from syncd.http.routing import Handler, Route, keep, keep_caller


def handler_of(route: Route) -> Handler:
    """The handler that aiohttp calls for a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        keep_caller(request, await authorize(request, route.permission))
        if route.params is not None:
            keep(request, _params(request, route.params))
        if route.query is not None:
            keep(request, _query(request, route.query))
        await _limit(request, route.max_body)
        if route.raw_body and request.content_type not in route.raw_body:
            raise UnsupportedMediaTypeError(
                f"The body is {request.content_type}.", advice=f"Send one of: {', '.join(route.raw_body)}."
            )
        if route.body is not None:
            keep(request, await _body(request, route.body, types=route.json_types))
        if route.idempotent and idempotency.HEADER in request.headers:
            return await idempotency.once(request, route)
        return await route.handler(request)

    return handle


async def _limit(request: web.Request, largest: int) -> None:
    """Raises HTTPRequestEntityTooLarge, before the body is read when its length is told, MalformedBodyError."""
    size = request.content_length
    if size is None or size <= largest:
        try:
            size = len(await request.read())
        except (web.RequestPayloadError, ConnectionResetError) as error:
            # it is not what the request's head says, or broke off: nothing of ours is at fault
            raise MalformedBodyError("The body cannot be read.") from error
    if size > largest:
        raise web.HTTPRequestEntityTooLarge(max_size=largest, actual_size=size)


def _params(request: web.Request, model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate(dict(request.match_info))
    except ValidationError as error:
        raise NotFoundError("There is nothing at this address.") from error


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    repeated = [name for name, count in Counter(name for name, _ in request.query.items()).items() if count > 1]
    if repeated:
        raise InvalidRequestError([{"pointer": f"/{name}", "message": "Given more than once"} for name in repeated])
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid(error) from error


async def _body(request: web.Request, model: type[BaseModel], *, types: tuple[str, ...]) -> BaseModel:
    content = await request.read()
    try:
        if not content:
            return model.model_validate({})
        if request.content_type not in types:
            raise UnsupportedMediaTypeError(f"The body is {request.content_type}.")
        return model.model_validate_json(content)
    except ValidationError as error:
        if any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False)):
            raise MalformedBodyError from error
        raise invalid(error) from error
