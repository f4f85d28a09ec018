"""What was changed, and who logged in: in pages, or all of it streamed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.directories import require_directory
from syncd.http.problems import InvalidRequestError
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import part_of
from syncd.http.schemas_trail import (
    AttemptsQuery,
    AuditEventItem,
    AuditPage,
    AuditQuery,
    LoginAttemptItem,
    LoginAttemptPage,
)
from syncd.http.streams import stream
from syncd.model.export import ExportFormat
from syncd.model.trail import AttemptFilter, AuditFilter
from syncd.services.trail import TrailService

AUDIT, ATTEMPTS = "/api/v1/audit", "/api/v1/login-attempts"
_PAGING = {"format", "limit", "before"}


async def list_audit(request: web.Request) -> web.StreamResponse:
    """Audit events, newest first."""
    query = part_of(request, AuditQuery)
    wanted = AuditFilter(**_wanted(query))
    await require_directory(request, query.directory)
    if query.format != "json":
        return await _stream(request, query, wanted, file="audit")
    found = await _page(request, partial(_trail(request).audit, wanted), query)
    items = [AuditEventItem.model_validate(event) for event in found[: query.limit]]
    following = next_page(AUDIT, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(AuditPage(items=items, next=following), headers=link_to(following))


async def list_login_attempts(request: web.Request) -> web.StreamResponse:
    """Login attempts, newest first."""
    query = part_of(request, AttemptsQuery)
    wanted = AttemptFilter(**_wanted(query))
    await require_directory(request, query.directory)
    if query.format != "json":
        return await _stream(request, query, wanted, file="login-attempts")
    found = await _page(request, partial(_trail(request).attempts, wanted), query)
    items = [LoginAttemptItem.model_validate(attempt) for attempt in found[: query.limit]]
    following = next_page(ATTEMPTS, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(LoginAttemptPage(items=items, next=following), headers=link_to(following))


def _wanted(query: AuditQuery | AttemptsQuery) -> dict[str, Any]:
    return {name: getattr(query, name) for name in type(query).model_fields if name not in _PAGING}


async def _page(request: web.Request, look: Any, query: AuditQuery | AttemptsQuery) -> Sequence[Any]:
    """One more than asked for tells whether there is a next page."""
    call = partial(look, limit=query.limit + 1, before_id=query.before)
    found: Sequence[Any] = await request.app[STORE_CALLS](call, name="look at the trail")
    return found


async def _stream(
    request: web.Request, query: AuditQuery | AttemptsQuery, wanted: AuditFilter | AttemptFilter, *, file: str
) -> web.StreamResponse:
    if paging := query.model_fields_set & {"limit", "before"}:
        raise InvalidRequestError(
            [{"pointer": f"/{name}", "message": f"Not with format={query.format}"} for name in sorted(paging)]
        )
    trail, form = _trail(request), ExportFormat(query.format)

    def piece(before: int | None) -> tuple[bytes, int | None]:
        return trail.piece(wanted, form, before_id=before)

    return await stream(request, piece, form=query.format, file=file)


def _trail(request: web.Request) -> TrailService:
    return request.app[HOST].management.trail
