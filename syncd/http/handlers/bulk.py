"""Passwords and entries of many people: one row of the answer each, and a refusal is a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from aiohttp import web
from pydantic import SecretStr

from syncd.http.blocking import PASSWORD_CALLS, STORE_CALLS
from syncd.http.context import HOST
from syncd.http.handlers.actions import STEP, in_steps
from syncd.http.handlers.passwords import ESTIMATES
from syncd.http.responses import json_response
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_bulk import (
    LinkRowResource,
    LinksRequest,
    LinksResource,
    PasswordRowResource,
    PasswordsRequest,
    PasswordsResource,
    SuggestionResource,
    SuggestionsRequest,
    SuggestionsResource,
    UnlinksRequest,
)
from syncd.model.actions import LinkResult, NewLink, NewPassword, PasswordResult, counts
from syncd.services.management import Management

# suggestions made in one place of those for estimates
SUGGESTIONS = 10


async def change_user_passwords(request: web.Request) -> web.Response:
    """Give many people a password: what hashes has places of its own, and each row waits for one anew."""
    body = part_of(request, PasswordsRequest)
    rows = [NewPassword(id=row.id, password=_text(row.password)) for row in body.rows]
    results = _management(request).bulk_passwords.change(rows, caller=caller_of(request), reason=body.reason)
    ids, call = [row.id for row in rows], request.app[PASSWORD_CALLS]
    done = await in_steps(call, results, ids, made=PasswordResult, name="change passwords", step=1)
    told = [PasswordRowResource.model_validate(row) for row in done]
    return json_response(PasswordsResource(action="change-password", results=told, **counts(done)))


async def suggest_user_passwords(request: web.Request) -> web.Response:
    """A random password for each of many people; none is set."""
    ids = dict.fromkeys(part_of(request, SuggestionsRequest).ids)
    made = _management(request).bulk_passwords.suggest(ids)
    results: list[PasswordResult] = []
    while len(results) < len(ids):
        results += await request.app[ESTIMATES](lambda: list(islice(made, SUGGESTIONS)), name="suggest passwords")
    return json_response(SuggestionsResource(results=[SuggestionResource.model_validate(row) for row in results]))


async def link_users(request: web.Request) -> web.Response:
    """Make entries of a directory, which are other users', those of these users."""
    body = part_of(request, LinksRequest)
    rows = [NewLink(id=row.id, dn=row.dn, entry_id=row.entry_id) for row in body.rows]
    service, caller = _management(request).bulk_links, caller_of(request)
    results = service.link(rows, directory=body.directory, caller=caller, reason=body.reason)
    return await _linked(request, "link", results, [row.id for row in rows])


async def unlink_users(request: web.Request) -> web.Response:
    """Make the entries that these users have of a directory users of their own."""
    body = part_of(request, UnlinksRequest)
    ids = list(dict.fromkeys(body.ids))
    service, caller = _management(request).bulk_links, caller_of(request)
    results = service.unlink(ids, directory=body.directory, caller=caller, reason=body.reason)
    return await _linked(request, "unlink", results, ids)


async def _linked(
    request: web.Request, action: Literal["link", "unlink"], results: Iterator[LinkResult], ids: Sequence[int]
) -> web.Response:
    done = await in_steps(request.app[STORE_CALLS], results, ids, made=LinkResult, name=f"{action} users", step=STEP)
    told = [LinkRowResource.model_validate(row) for row in done]
    return json_response(LinksResource(action=action, results=told, **counts(done)))


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _management(request: web.Request) -> Management:
    return request.app[HOST].management
