"""From a route of the table to a handler of aiohttp: permission first, then each part of the request, then the handler."""

from __future__ import annotations

from collections import Counter

from aiohttp import web
from pydantic import BaseModel, ValidationError

from syncd.errors import NotFoundError
from syncd.http.auth import authorize
from syncd.http.problems import InvalidRequestError, MalformedBodyError, UnsupportedMediaTypeError, invalid
from syncd.http.routing import Handler, Route, keep

JSON = "application/json"


def handler_of(route: Route) -> Handler:
    """The handler that aiohttp calls for a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        authorize(request, route.permission)
        if route.params is not None:
            keep(request, _params(request, route.params))
        if route.query is not None:
            keep(request, _query(request, route.query))
        if route.body is not None:
            keep(request, await _body(request, route.body))
        return await route.handler(request)

    return handle


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


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    content = await request.read()
    try:
        if not content:
            return model.model_validate({})
        if request.content_type != JSON:
            raise UnsupportedMediaTypeError(f"The body is {request.content_type}.")
        return model.model_validate_json(content)
    except ValidationError as error:
        if any(item["type"] == "json_invalid" for item in error.errors(include_url=False, include_input=False)):
            raise MalformedBodyError from error
        raise invalid(error) from error
