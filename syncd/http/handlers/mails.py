"""The outbox: what was mailed, and what could not be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, part_of
from syncd.http.schemas_mails import MailPage, MailPath, MailResource, MailsQuery
from syncd.model.mail import MailView

MAILS = "/api/v1/mails"


async def list_mails(request: web.Request) -> web.Response:
    """Mails, newest first."""
    query = part_of(request, MailsQuery)
    look = partial(
        request.app[HOST].management.mails.list, state=query.state, limit=query.limit + 1, before_id=query.before
    )  # fmt: skip
    found: Sequence[MailView] = await request.app[STORE_CALLS](look, name="list mails")
    items = [MailResource.model_validate(mail) for mail in found[: query.limit]]
    following = next_page(MAILS, query, before=items[-1].id) if len(found) > query.limit else None
    return json_response(MailPage(items=items, next=following), headers=link_to(following))


async def retry_mail(request: web.Request) -> web.Response:
    """Have one sent again."""
    number = part_of(request, MailPath).id
    retry = partial(request.app[HOST].management.mails.retry_one, number, caller=caller_of(request))
    mail: MailView = await request.app[STORE_CALLS](retry, name="retry mail")
    return json_response(MailResource.model_validate(mail))
