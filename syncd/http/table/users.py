"""Routes of users."""

from __future__ import annotations

from syncd.http.handlers import users
from syncd.http.routing import Route
from syncd.http.schemas_user_view import UserResource
from syncd.http.schemas_users import RecordPage, RecordPath, RecordsQuery, UserCreate, UserDelete, UserPatch, UserPath
from syncd.model.permission import Permission
from syncd.services.avatars import MEDIA_TYPES

_USER = users.USERS + "/{id}"
_AVATAR = _USER + "/avatar"
_RECORD = _USER + "/records/{system}/{reference}"

# bytes of a user with many custom fields
MAX_USER = 256 * 1024

_TAKEN = "A name is taken, something named does not exist, or a rule about roles, access or fields does not hold."
_MANAGED = "A directory decides it, or a rule about names, roles, access or fields does not hold."

ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path=users.USERS,
        handler=users.create_user,
        permission=Permission.USERS_WRITE,
        summary="Make a user, with a password or an invitation",
        tag="users",
        body=UserCreate,
        max_body=MAX_USER,
        responses={201: ("Made; the Location header has the user.", UserResource)},
        problems={409: _TAKEN},
        versioned=True,
        idempotent=True,
    ),
    Route(
        method="GET",
        path=_USER,
        handler=users.get_user,
        permission=Permission.USERS_READ,
        summary="One user: both states with their reasons, times, counts, DNs, roles with their sources",
        tag="users",
        params=UserPath,
        responses={200: ("The user.", UserResource)},
        versioned=True,
    ),
    Route(
        method="PATCH",
        path=_USER,
        handler=users.edit_user,
        permission=Permission.USERS_WRITE,
        summary="Change a user; what a directory decides is read-only",
        tag="users",
        params=UserPath,
        body=UserPatch,
        max_body=MAX_USER,
        responses={200: ("The user as it is now.", UserResource)},
        problems={409: _MANAGED},
        versioned=True,
    ),
    Route(
        method="DELETE",
        path=_USER,
        handler=users.delete_user,
        permission=Permission.USERS_DELETE,
        summary="Delete a user who was made by hand and owns nothing",
        tag="users",
        params=UserPath,
        body=UserDelete,
        responses={204: ("Deleted.", None)},
        problems={409: "Oneself, a directory's user, the last administrator, or an owner of records."},
        versioned=True,
    ),
    Route(
        method="GET",
        path=_AVATAR,
        handler=users.get_avatar,
        permission=Permission.USERS_READ,
        summary="The picture of a user",
        tag="users",
        params=UserPath,
        responses={200: ("The picture.", None), 304: ("The caller has it already (If-None-Match).", None)},
        media_type="image/*",
    ),
    Route(
        method="PUT",
        path=_AVATAR,
        handler=users.put_avatar,
        permission=Permission.USERS_WRITE,
        summary="Set the picture of a user",
        tag="users",
        params=UserPath,
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
        handler=users.delete_avatar,
        permission=Permission.USERS_WRITE,
        summary="Remove the picture of a user",
        tag="users",
        params=UserPath,
        responses={204: ("There is none now.", None)},
        problems={409: "A directory decides it."},
        versioned=True,
    ),
    Route(
        method="GET",
        path=_USER + "/records",
        handler=users.list_records,
        permission=Permission.USERS_READ,
        summary="Which records of other systems a user owns",
        tag="users",
        params=UserPath,
        query=RecordsQuery,
        responses={200: ("A page of records.", RecordPage)},
    ),
    Route(
        method="PUT",
        path=_RECORD,
        handler=users.put_record,
        permission=Permission.RECORDS_WRITE,
        summary="Note that a user owns a record of another system, which keeps them from being deleted",
        tag="users",
        params=RecordPath,
        responses={204: ("Noted.", None)},
        problems={409: "The user is disabled: they become no owner of anything new."},
    ),
    Route(
        method="DELETE",
        path=_RECORD,
        handler=users.delete_record,
        permission=Permission.RECORDS_WRITE,
        summary="Note that a user no longer owns a record of another system",
        tag="users",
        params=RecordPath,
        responses={204: ("Noted.", None)},
    ),
)
