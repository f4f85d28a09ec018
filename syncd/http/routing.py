"""What a route is: everything that can be known of it without running it.

The table of routes is data, so that permissions, validation, the OpenAPI document and the reference are made from one
place, and a route without a permission cannot be written (invariant 12).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from syncd.http.schemas import NoQuery
from syncd.model.caller import Caller
from syncd.model.permission import Permission

M = TypeVar("M", bound=BaseModel)

# bytes that a body may have where a route does not say otherwise
MAX_BODY = 64 * 1024

JSON = "application/json"
# what RFC 7396 calls the bodies of PATCH
MERGE_PATCH = "application/merge-patch+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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
    alternatives: tuple[str, ...] = ()
    # status -> problems that only this route has
    problems: Mapping[int, str] = field(default_factory=dict)
    # its resource has an ETag, and If-Match is honoured
    versioned: bool = False
    # a creation: a repetition with the same Idempotency-Key is answered like the first
    idempotent: bool = False
    # its answer holds a secret that is shown once and never kept
    secret: bool = False
    # the largest body, bytes
    max_body: int = MAX_BODY
    # media types of bodies that are not JSON; the handler reads them itself
    raw_body: tuple[str, ...] = ()
    # health probes would drown everything else in the log
    quiet: bool = False

    @property
    def json_types(self) -> tuple[str, ...]:
        """Media types of bodies that `body` describes."""
        return (JSON, MERGE_PATCH) if self.method == "PATCH" else (JSON,)


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


# ---------------------------------------------------------------- who asks
_CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)


def keep_caller(request: web.Request, caller: Caller) -> None:
    """Lay down who asks."""
    request[_CALLER] = caller


def caller_of(request: web.Request) -> Caller:
    """Who asks."""
    return request[_CALLER]


# ---------------------------------------------------------------- versions (RFC 9110 section 13)
# versions are counted from 1
NO_VERSION = 0


def etag_of(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def if_match(request: web.Request) -> int | None:
    """The version that If-Match asks for; None without the header, or for `*`. What is no tag of ours matches no version."""
    text = request.headers.get("If-Match", "*").strip()
    if text == "*":
        return None
    number = text[1:-1]
    if len(text) < 3 or text[0] + text[-1] != '""' or not (number.isascii() and number.isdecimal() and len(number) <= 18):
        return NO_VERSION
    return int(number)
