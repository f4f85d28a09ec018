"""What a route is: everything that can be known of it without running it.

The table of routes is data, so that permissions, validation, the OpenAPI document and the reference are made from one
place, and a route without a permission cannot be written (invariant 12).
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from syncd.http.schemas import NoQuery

M = TypeVar("M", bound=BaseModel)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Permission(enum.StrEnum):
    """What a caller must be allowed to do. `public` needs no token; the operator's token has all the others."""

    PUBLIC = "public"
    RUNS_READ = "runs:read"
    RUNS_WRITE = "runs:write"
    PLANS_READ = "plans:read"
    PLANS_DECIDE = "plans:decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    # aiohttp's pattern, which is OpenAPI's as well: "/api/v1/runs/{id}"
    path: str
    handler: Handler
    permission: Permission
    summary: str
    tag: str
    # what the path's variables must be; what does not fit is 404
    params: type[BaseModel] | None = None
    # what the query may be; None accepts and ignores anything
    query: type[BaseModel] | None = NoQuery
    # what the body may be; it may be left out when the model can be made from nothing
    body: type[BaseModel] | None = None
    # status -> (what it means, its model or None where the body is not JSON)
    responses: Mapping[int, tuple[str, type[BaseModel] | None]] = field(default_factory=dict)
    # media type of answers without a model
    media_type: str = "application/json"
    # in what else the answer 200 may be had
    alternative: str | None = None
    # status -> problems that only this route has
    problems: Mapping[int, str] = field(default_factory=dict)
    # health probes would drown everything else in the log
    quiet: bool = False


_PARTS: web.RequestKey[dict[type[BaseModel], BaseModel]] = web.RequestKey("parts", dict)


def keep(request: web.Request, part: BaseModel) -> None:
    """Lay a validated part of the request down for the handler."""
    request.setdefault(_PARTS, {})[type(part)] = part


def part_of(request: web.Request, model: type[M]) -> M:
    """The part of the request that the route declares with this model, validated."""
    part = request[_PARTS][model]
    if not isinstance(part, model):
        raise TypeError(f"{model.__name__} was not kept as itself")
    return part
