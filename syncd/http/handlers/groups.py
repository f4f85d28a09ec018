"""Groups, and who is in them."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.errors import NotFoundError
from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, etag_of, if_match, part_of
from syncd.http.schemas_groups import (
    GroupPage,
    GroupPatch,
    GroupRequest,
    GroupResource,
    MemberPage,
    MemberPath,
    MemberResource,
    MembersChanged,
    MembersQuery,
    MembersRemoval,
    MembersRequest,
)
from syncd.http.schemas_structure import ListQuery, RemovalQuery, StructurePath, changes_of, flat
from syncd.model.structure import Group, GroupFields, Window
from syncd.services.groups import GroupService

GROUPS = "/api/v1/groups"


async def list_groups(request: web.Request) -> web.Response:
    """Groups by name."""
    query = part_of(request, ListQuery)
    window = Window(text=query.search, limit=query.limit, after=query.after)
    page = await request.app[STORE_CALLS](partial(_service(request).list, window), name="list groups")
    following = next_page(GROUPS, query, after=page.next) if page.next else None
    items = [_resource(group) for group in page.items]
    return json_response(GroupPage(items=items, next=following), headers=link_to(following))


async def get_group(request: web.Request) -> web.Response:
    """One group."""
    look = partial(_service(request).get, part_of(request, StructurePath).id)
    return _answer(await request.app[STORE_CALLS](look, name="get group"))


async def create_group(request: web.Request) -> web.Response:
    """Make a group."""
    body = part_of(request, GroupRequest)
    fields = GroupFields(name=body.name, description=body.description)
    make = partial(_service(request).create, fields, caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](make, name="create group"), made=True)


async def edit_group(request: web.Request) -> web.Response:
    """Change a group."""
    group_id, changes = part_of(request, StructurePath).id, changes_of(part_of(request, GroupPatch))
    edit = partial(_service(request).edit, group_id, changes, if_match=if_match(request), caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](edit, name="edit group"))


async def delete_group(request: web.Request) -> web.Response:
    """Delete a group; its members stay users."""
    group_id, reason = part_of(request, StructurePath).id, part_of(request, RemovalQuery).reason
    delete = partial(_service(request).delete, group_id, if_match=if_match(request), reason=reason, caller=caller_of(request))
    await request.app[STORE_CALLS](delete, name="delete group")
    return web.Response(status=204)


# ---------------------------------------------------------------- members
async def list_members(request: web.Request) -> web.Response:
    """Who is in a group."""
    group_id, query = part_of(request, StructurePath).id, part_of(request, MembersQuery)
    look = partial(_service(request).members, group_id, text=query.search, limit=query.limit, after=query.after)
    page = await request.app[STORE_CALLS](look, name="list members")
    following = next_page(f"{GROUPS}/{group_id}/members", query, after=page.next) if page.next else None
    items = [MemberResource.model_validate(member) for member in page.items]
    return json_response(MemberPage(items=items, next=following), headers=link_to(following))


async def add_members(request: web.Request) -> web.Response:
    """Put users into a group; those who are in it stay."""
    group_id, users = part_of(request, StructurePath).id, part_of(request, MembersRequest).users
    service, caller = _service(request), caller_of(request)

    def add() -> MembersChanged:
        changed = service.add(group_id, users, caller=caller)
        return MembersChanged(changed=changed, members=service.get(group_id).members)

    return json_response(await request.app[STORE_CALLS](add, name="add members"))


async def remove_members(request: web.Request) -> web.Response:
    """Take users out of a group."""
    group_id, body = part_of(request, StructurePath).id, part_of(request, MembersRemoval)
    service, caller = _service(request), caller_of(request)

    def remove() -> MembersChanged:
        changed = service.remove(group_id, body.users, reason=body.reason, caller=caller)
        return MembersChanged(changed=changed, members=service.get(group_id).members)

    return json_response(await request.app[STORE_CALLS](remove, name="remove members"))


async def remove_member(request: web.Request) -> web.Response:
    """Take one user out of a group."""
    path, reason = part_of(request, MemberPath), part_of(request, RemovalQuery).reason
    remove = partial(_service(request).remove, path.id, [path.user_id], reason=reason, caller=caller_of(request))
    if not await request.app[STORE_CALLS](remove, name="remove member"):
        raise NotFoundError(f"user {path.user_id} is not in group {path.id}")
    return web.Response(status=204)


def _service(request: web.Request) -> GroupService:
    return request.app[HOST].management.groups


def _resource(group: Group) -> GroupResource:
    return GroupResource.model_validate(flat(group))


def _answer(group: Group, *, made: bool = False) -> web.Response:
    headers = {"ETag": etag_of(group.version)} | ({"Location": f"{GROUPS}/{group.id}"} if made else {})
    return json_response(_resource(group), status=201 if made else 200, headers=headers)
