"""One's own account: the profile, the picture, the sessions. Keys and the password have handlers of their own."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.handlers import login, users
from syncd.http.handlers.keys import ME, own_id
from syncd.http.handlers.users import user_resource
from syncd.http.responses import json_response
from syncd.http.routing import caller_of, etag_of, if_match, keep, part_of
from syncd.http.schemas_access import access_resource
from syncd.http.schemas_me import MeResource, ProfilePatch
from syncd.http.schemas_users import UserPath
from syncd.model.access import Access
from syncd.model.useredit import UserDetail
from syncd.services.management import Management


async def get_me(request: web.Request) -> web.Response:
    """Oneself."""
    look = partial(_looked_up, request.app[HOST].management, own_id(request))
    return _answer(*await request.app[STORE_CALLS](look, name="get me"))


async def edit_me(request: web.Request) -> web.Response:
    """Change one's own profile."""
    management, user_id, body = request.app[HOST].management, own_id(request), part_of(request, ProfilePatch)
    edit = partial(management.users.edit, user_id, body.edit(), caller=caller_of(request), if_match=if_match(request))

    def change() -> tuple[UserDetail, Access]:
        return edit(), management.access.of(user_id)

    return _answer(*await request.app[STORE_CALLS](change, name="edit me"))


# ---------------------------------------------------------------- as anybody's, but with the caller for the id
async def get_own_avatar(request: web.Request) -> web.Response:
    """One's own picture."""
    _mean_oneself(request)
    return await users.get_avatar(request)


async def put_own_avatar(request: web.Request) -> web.Response:
    """Set one's own picture."""
    _mean_oneself(request)
    return await users.put_avatar(request)


async def delete_own_avatar(request: web.Request) -> web.Response:
    """Remove one's own picture."""
    _mean_oneself(request)
    return await users.delete_avatar(request)


async def list_my_sessions(request: web.Request) -> web.Response:
    """One's own sessions."""
    return await login.list_own(request)


async def end_my_session(request: web.Request) -> web.Response:
    """End a session of one's own."""
    return await login.end_own(request)


def _mean_oneself(request: web.Request) -> None:
    keep(request, UserPath(id=own_id(request)))


def _looked_up(management: Management, user_id: int) -> tuple[UserDetail, Access]:
    """Blocking."""
    return management.users.get(user_id), management.access.of(user_id)


def _answer(user: UserDetail, access: Access) -> web.Response:
    plain = user_resource(user).model_dump()
    return json_response(
        MeResource.model_validate(
            plain
            | {
                "directories": [identity.name for identity in user.person.directories if identity.missing_since is None],
                "avatar": f"{ME}/avatar" if user.avatar_digest else None,
                "access": access_resource(access),
            }
        ),
        headers={"ETag": etag_of(user.person.version)},
    )
