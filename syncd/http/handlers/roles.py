"""Roles, permissions, and what directories call a role."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.directories import require_directory
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, etag_of, if_match, part_of
from syncd.http.schemas_roles import (
    IdentifiersQuery,
    PermissionList,
    PermissionResource,
    RoleIdentifierPage,
    RoleIdentifierResource,
    RolePage,
    RolePatch,
    RoleRequest,
    RoleResource,
    RolesQuery,
)
from syncd.http.schemas_structure import RemovalQuery, StructurePath, changes_of, flat
from syncd.model.structure import Role, RoleFields, Window
from syncd.services.people import MappedIdentifier
from syncd.services.roles import RoleService

ROLES = "/api/v1/roles"
IDENTIFIERS = "/api/v1/role-identifiers"


async def list_roles(request: web.Request) -> web.Response:
    """Roles by name."""
    query = part_of(request, RolesQuery)
    window = Window(text=query.search, limit=query.limit, after=query.after)
    look = partial(_service(request).list, window, organization_id=query.organization, system=query.scope == "system")
    page = await request.app[STORE_CALLS](look, name="list roles")
    following = next_page(ROLES, query, after=page.next) if page.next else None
    return json_response(RolePage(items=[_resource(role) for role in page.items], next=following), headers=link_to(following))


async def get_role(request: web.Request) -> web.Response:
    """One role."""
    look = partial(_service(request).get, part_of(request, StructurePath).id)
    return _answer(await request.app[STORE_CALLS](look, name="get role"))


async def create_role(request: web.Request) -> web.Response:
    """Make a role."""
    body = part_of(request, RoleRequest)
    fields = RoleFields(
        name=body.name,
        description=body.description,
        organization_id=body.organization_id,
        permissions=tuple(body.permissions),
    )
    make = partial(_service(request).create, fields, caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](make, name="create role"), made=True)


async def edit_role(request: web.Request) -> web.Response:
    """Change a role."""
    role_id, changes = part_of(request, StructurePath).id, changes_of(part_of(request, RolePatch))
    edit = partial(_service(request).edit, role_id, changes, if_match=if_match(request), caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](edit, name="edit role"))


async def delete_role(request: web.Request) -> web.Response:
    """Delete a role that nobody has."""
    role_id, reason = part_of(request, StructurePath).id, part_of(request, RemovalQuery).reason
    delete = partial(_service(request).delete, role_id, if_match=if_match(request), reason=reason, caller=caller_of(request))
    await request.app[STORE_CALLS](delete, name="delete role")
    return web.Response(status=204)


async def list_permissions(request: web.Request) -> web.Response:
    """All permissions that there are."""
    found = await request.app[STORE_CALLS](_service(request).permissions, name="list permissions")
    items = [
        PermissionResource(name=each.name, sentence=each.sentence, ours=each.sentence is not None, roles=each.roles)
        for each in found
    ]
    return json_response(PermissionList(items=items))


async def list_role_identifiers(request: web.Request) -> web.Response:
    """What directories call a role, mapped or not."""
    query = part_of(request, IdentifiersQuery)
    look = partial(
        _service(request).identifier_page,
        directory=query.directory,
        mapped=None if query.mapped is None else query.mapped == "true",
        limit=query.limit,
        after=query.after,
    )
    page = await request.app[STORE_CALLS](look, name="list role identifiers")
    if not page.items:
        await require_directory(request, query.directory)
    following = next_page(IDENTIFIERS, query, after=page.next) if page.next else None
    items = [_identifier(each) for each in page.items]
    return json_response(RoleIdentifierPage(items=items, next=following), headers=link_to(following))


def _service(request: web.Request) -> RoleService:
    return request.app[HOST].management.roles


def _resource(role: Role) -> RoleResource:
    return RoleResource.model_validate(flat(role))


def _identifier(each: MappedIdentifier) -> RoleIdentifierResource:
    return RoleIdentifierResource(
        directory=each.identifier.directory,
        identifier=each.identifier.identifier,
        dn=each.identifier.dn,
        members=each.identifier.members,
        roles=list(each.roles),
        configured=each.configured,
    )


def _answer(role: Role, *, made: bool = False) -> web.Response:
    headers = {"ETag": etag_of(role.version)} | ({"Location": f"{ROLES}/{role.id}"} if made else {})
    return json_response(_resource(role), status=201 if made else 200, headers=headers)
