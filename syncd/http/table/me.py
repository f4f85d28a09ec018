"""Routes of one's own account."""

from __future__ import annotations

from syncd.http.handlers import keys, me
from syncd.http.handlers.keys import ME
from syncd.http.routing import Route
from syncd.http.schemas_actions import ActionRequest
from syncd.http.schemas_keys import KeyList, KeyRequest, NewKeyResource, OwnKeyPath
from syncd.http.schemas_login import SessionList, SessionPath
from syncd.http.schemas_me import MeResource, ProfilePatch
from syncd.http.table.keys import NO_KEY
from syncd.model.permission import Permission
from syncd.services.avatars import MEDIA_TYPES

_AVATAR = f"{ME}/avatar"

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=ME,
        handler=me.get_me,
        permission=Permission.SELF,
        summary="Oneself: the profile, where one belongs, and what one may do",
        tag="me",
        responses={200: ("You.", MeResource)},
        versioned=True,
    ),
    Route(
        method="PATCH",
        path=ME,
        handler=me.edit_me,
        permission=Permission.SELF,
        summary="Change one's own profile; what a directory decides is read-only",
        tag="me",
        body=ProfilePatch,
        responses={200: ("You, as you are now.", MeResource)},
        problems={409: "A directory decides it, or an address is somebody else's."},
        versioned=True,
    ),
    Route(
        method="GET",
        path=_AVATAR,
        handler=me.get_own_avatar,
        permission=Permission.SELF,
        summary="One's own picture",
        tag="me",
        responses={200: ("The picture.", None), 304: ("The caller has it already (If-None-Match).", None)},
        media_type="image/*",
        problems={404: "There is none."},
    ),
    Route(
        method="PUT",
        path=_AVATAR,
        handler=me.put_own_avatar,
        permission=Permission.SELF,
        summary="Set one's own picture",
        tag="me",
        raw_body=MEDIA_TYPES,
        # `max_avatar` is at most this
        max_body=10_485_760,
        responses={204: ("Set.", None)},
        problems={409: "A directory decides it.", 422: "It is no PNG, JPEG, GIF or WebP picture."},
        versioned=True,
    ),
    Route(
        method="DELETE",
        path=_AVATAR,
        handler=me.delete_own_avatar,
        permission=Permission.SELF,
        summary="Remove one's own picture",
        tag="me",
        responses={204: ("There is none now.", None)},
        problems={409: "A directory decides it."},
        versioned=True,
    ),
    Route(
        method="GET",
        path=f"{ME}/sessions",
        handler=me.list_my_sessions,
        permission=Permission.SELF,
        summary="One's own sessions",
        tag="me",
        responses={200: ("Those that are alive, newest first.", SessionList)},
    ),
    Route(
        method="DELETE",
        path=f"{ME}/sessions/{{id}}",
        handler=me.end_my_session,
        permission=Permission.SELF,
        summary="End a session of one's own at once",
        tag="me",
        params=SessionPath,
        responses={204: ("It has ended.", None)},
    ),
    Route(
        method="GET",
        path=f"{ME}/keys",
        handler=keys.list_own_keys,
        permission=Permission.SELF,
        summary="One's own API keys, without their secrets",
        tag="me",
        responses={200: ("Your keys.", KeyList)},
    ),
    Route(
        method="POST",
        path=f"{ME}/keys",
        handler=keys.create_own_key,
        permission=Permission.SELF,
        summary="Make an API key for oneself and an organization, in place of the one there is",
        tag="me",
        body=KeyRequest,
        responses={201: ("The key, with its token, which is shown this once.", NewKeyResource)},
        problems=NO_KEY,
        idempotent=True,
        secret=True,
    ),
    Route(
        method="DELETE",
        path=f"{ME}/keys/{{key_id}}",
        handler=keys.revoke_own_key,
        permission=Permission.SELF,
        summary="End an API key of one's own at once",
        tag="me",
        params=OwnKeyPath,
        body=ActionRequest,
        responses={204: ("It is useless now.", None)},
    ),
)
