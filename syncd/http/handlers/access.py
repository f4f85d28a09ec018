"""Access of people: what other systems ask."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response
from syncd.http.routing import part_of
from syncd.http.schemas_access import AccessQuery, access_resource
from syncd.http.schemas_users import UserPath


async def get_user_access(request: web.Request) -> web.Response:
    """The access of the user with this id."""
    look = partial(request.app[HOST].management.access.of, part_of(request, UserPath).id)
    return json_response(access_resource(await request.app[STORE_CALLS](look, name="get access")))


async def get_access(request: web.Request) -> web.Response:
    """The access of the user with this username."""
    look = partial(request.app[HOST].management.access.of_username, part_of(request, AccessQuery).username)
    return json_response(access_resource(await request.app[STORE_CALLS](look, name="get access")))
