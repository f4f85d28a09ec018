"""Users one by one: make, look, edit, delete; their pictures, and the records of other systems that they own."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import PASSWORD_CALLS, STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, etag_of, if_match, part_of
from syncd.http.schemas_user_view import UserAccess, UserAccount, UserDn, UserEntry, UserResource, UserRole
from syncd.http.schemas_users import (
    RecordPage,
    RecordPath,
    RecordResource,
    RecordsQuery,
    UserCreate,
    UserDelete,
    UserPatch,
    UserPath,
)
from syncd.model.useredit import Avatar, UserDetail
from syncd.model.views import DirectoryIdentity
from syncd.services.avatars import AvatarService
from syncd.services.export import plain_value
from syncd.services.users import UserService

USERS = "/api/v1/users"


# ---------------------------------------------------------------- one user
async def create_user(request: web.Request) -> web.Response:
    """Make a user."""
    body, service, caller = part_of(request, UserCreate), _service(request), caller_of(request)
    new, hashed = body.new_user(), None
    if "password" in body.model_fields_set:
        # slow on purpose: not in a place of the store's calls
        make = partial(service.hashed, body.password.get_secret_value(), new.fields)
        hashed = await request.app[PASSWORD_CALLS](make, name="hash password")
    create = partial(service.create, new, password_hash=hashed, caller=caller)
    user = await request.app[STORE_CALLS](create, name="create user")
    return _answer(user, status=201)


async def get_user(request: web.Request) -> web.Response:
    """One user."""
    get = partial(_service(request).get, part_of(request, UserPath).id)
    return _answer(await request.app[STORE_CALLS](get, name="get user"))


async def edit_user(request: web.Request) -> web.Response:
    """Change a user."""
    body = part_of(request, UserPatch)
    edit = partial(
        _service(request).edit, part_of(request, UserPath).id, body.edit(),
        caller=caller_of(request), reason=body.reason, if_match=if_match(request),
    )  # fmt: skip
    return _answer(await request.app[STORE_CALLS](edit, name="edit user"))


async def delete_user(request: web.Request) -> web.Response:
    """Delete a user."""
    reason = part_of(request, UserDelete).reason
    delete = partial(
        _service(request).delete, part_of(request, UserPath).id,
        caller=caller_of(request), reason=reason, if_match=if_match(request),
    )  # fmt: skip
    await request.app[STORE_CALLS](delete, name="delete user")
    return web.Response(status=204)


# ---------------------------------------------------------------- avatar
async def get_avatar(request: web.Request) -> web.Response:
    """A user's picture."""
    get = partial(_avatars(request).get, part_of(request, UserPath).id)
    avatar = await request.app[STORE_CALLS](get, name="get avatar")
    headers = _avatar_headers(avatar)
    if avatar.digest in _tags(request.headers.get("If-None-Match", "")):
        return web.Response(status=304, headers=headers)
    return web.Response(body=avatar.data, content_type=avatar.media_type, headers=headers)


async def put_avatar(request: web.Request) -> web.Response:
    """Set a user's picture."""
    data = await request.read()
    if_match = _present_tags(request)
    put = partial(_avatars(request).put, part_of(request, UserPath).id, data, caller=caller_of(request), if_match=if_match)
    avatar = await request.app[STORE_CALLS](put, name="put avatar")
    return web.Response(status=204, headers=_avatar_headers(avatar))


async def delete_avatar(request: web.Request) -> web.Response:
    """Remove a user's picture."""
    if_match = _present_tags(request)
    delete = partial(_avatars(request).delete, part_of(request, UserPath).id, caller=caller_of(request), if_match=if_match)
    await request.app[STORE_CALLS](delete, name="delete avatar")
    return web.Response(status=204)


def _avatar_headers(avatar: Avatar) -> dict[str, str]:
    """It may be kept, and is asked for again with its tag."""
    return {"ETag": f'"{avatar.digest}"', "Cache-Control": "private, no-cache"}


def _present_tags(request: web.Request) -> set[str] | None:
    """Tags of which If-Match asks for one; None without the header, or for `*`. A weak one is never the same (RFC 9110)."""
    text = request.headers.get("If-Match", "*").strip()
    tags = (tag.strip() for tag in text.split(","))
    return None if text == "*" else {tag[1:-1] for tag in tags if len(tag) > 2 and tag[0] + tag[-1] == '""'}


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}


# ---------------------------------------------------------------- records of other systems
async def list_records(request: web.Request) -> web.Response:
    """What a user owns."""
    user_id, query = part_of(request, UserPath).id, part_of(request, RecordsQuery)
    look = partial(_service(request).owned, user_id, limit=query.limit, after=query.after)
    page = await request.app[STORE_CALLS](look, name="list records")
    following = next_page(f"{USERS}/{user_id}/records", query, after=page.next) if page.next else None
    items = [RecordResource(system=record.system, reference=record.reference) for record in page.items]
    return json_response(RecordPage(items=items, next=following), headers=link_to(following))


async def put_record(request: web.Request) -> web.Response:
    """Note that a user owns a record of another system."""
    where = part_of(request, RecordPath)
    own = partial(_service(request).own, where.id, where.system, where.reference, caller=caller_of(request))
    await request.app[STORE_CALLS](own, name="own record")
    return web.Response(status=204)


async def delete_record(request: web.Request) -> web.Response:
    """Note that a user no longer owns a record of another system."""
    where = part_of(request, RecordPath)
    disown = partial(_service(request).disown, where.id, where.system, where.reference, caller=caller_of(request))
    await request.app[STORE_CALLS](disown, name="disown record")
    return web.Response(status=204)


# ---------------------------------------------------------------- the answer
def _answer(user: UserDetail, *, status: int = 200) -> web.Response:
    headers = {"ETag": etag_of(user.person.version)}
    if status == 201:
        headers["Location"] = f"{USERS}/{user.person.id}"
    return json_response(user_resource(user), status=status, headers=headers)


_SAME = (
    "id", "username", "prefix", "first_name", "middle_name", "last_name", "suffix", "display_name", "title", "phone",
    "birthday", "email", "manual", "enabled", "auth_status", "can_log_in", "failed_logins", "last_login_at", "login_count",
    "created_at", "updated_at", "version",
)  # fmt: skip
_BESIDE = ("username_released", "email_released", "locked_at", "password_set_at", "owner_unit", "sessions", "api_keys")


def user_resource(user: UserDetail) -> UserResource:
    """A user as it goes over the wire."""
    person = user.person
    plain = {name: getattr(person, name) for name in _SAME} | {name: getattr(user, name) for name in _BESIDE}
    return UserResource.model_validate(
        plain
        | {
            "emails": list(person.emails),
            "tags": list(person.tags),
            "custom": {name: plain_value(value) for name, value in person.custom.items()},
            "reasons": list(person.reasons),
            "roles": [UserRole.model_validate(role) for role in user.roles],
            "access": [UserAccess.model_validate(each) for each in user.access],
            "groups": list(user.groups),
            "directories": [_entry(identity) for identity in person.directories],
            "dn_history": [UserDn.model_validate(period) for period in user.dn_history],
            "managed": dict(sorted(user.managed.items())),
            "avatar": f"{USERS}/{person.id}/avatar" if user.avatar_digest else None,
            "records": dict(user.records),
        }
    )


def _entry(identity: DirectoryIdentity) -> UserEntry:
    names = ("name", "entry_id", "dn", "missing_since", "missing_reason", "first_seen_at")
    plain = {name: getattr(identity, name) for name in names}
    account = UserAccount.model_validate(identity.account)
    return UserEntry.model_validate(plain | {"role_identifiers": list(identity.role_identifiers), "account": account})


def _service(request: web.Request) -> UserService:
    return request.app[HOST].management.users


def _avatars(request: web.Request) -> AvatarService:
    return request.app[HOST].management.avatars
