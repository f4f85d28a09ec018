"""Organizations."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, etag_of, if_match, part_of
from syncd.http.schemas_organizations import (
    OrganizationPage,
    OrganizationPatch,
    OrganizationRequest,
    OrganizationResource,
    OrganizationsQuery,
)
from syncd.http.schemas_plans import DecisionRequest
from syncd.http.schemas_structure import RemovalQuery, StructurePath, changes_of, flat
from syncd.model.structure import Organization, OrganizationFields, Window
from syncd.services.organizations import OrganizationService

ORGANIZATIONS = "/api/v1/organizations"


async def list_organizations(request: web.Request) -> web.Response:
    """Organizations by name."""
    query = part_of(request, OrganizationsQuery)
    window = Window(text=query.search, limit=query.limit, after=query.after)
    enabled = None if query.enabled is None else query.enabled == "true"
    look = partial(_service(request).list, window, enabled=enabled)
    page = await request.app[STORE_CALLS](look, name="list organizations")
    following = next_page(ORGANIZATIONS, query, after=page.next) if page.next else None
    items = [_resource(organization) for organization in page.items]
    return json_response(OrganizationPage(items=items, next=following), headers=link_to(following))


async def get_organization(request: web.Request) -> web.Response:
    """One organization."""
    look = partial(_service(request).get, part_of(request, StructurePath).id)
    return _answer(await request.app[STORE_CALLS](look, name="get organization"))


async def create_organization(request: web.Request) -> web.Response:
    """Make an organization."""
    body = part_of(request, OrganizationRequest)
    fields = OrganizationFields(name=body.name, enabled=body.enabled)
    make = partial(_service(request).create, fields, caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](make, name="create organization"), made=True)


async def edit_organization(request: web.Request) -> web.Response:
    """Change an organization."""
    organization_id, changes = part_of(request, StructurePath).id, changes_of(part_of(request, OrganizationPatch))
    edit = partial(_service(request).edit, organization_id, changes, if_match=if_match(request), caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](edit, name="edit organization"))


async def enable_organization(request: web.Request) -> web.Response:
    """Let the people of an organization in again."""
    return await _switch(request, enabled=True)


async def disable_organization(request: web.Request) -> web.Response:
    """Keep everybody out who has access to no other organization."""
    return await _switch(request, enabled=False)


async def delete_organization(request: web.Request) -> web.Response:
    """Delete an organization that nothing uses."""
    organization_id, reason = part_of(request, StructurePath).id, part_of(request, RemovalQuery).reason
    delete = partial(
        _service(request).delete, organization_id, if_match=if_match(request), reason=reason, caller=caller_of(request)
    )
    await request.app[STORE_CALLS](delete, name="delete organization")
    return web.Response(status=204)


async def _switch(request: web.Request, *, enabled: bool) -> web.Response:
    organization_id, reason = part_of(request, StructurePath).id, part_of(request, DecisionRequest).reason
    service = _service(request)
    switch = service.enable if enabled else service.disable
    do = partial(switch, organization_id, if_match=if_match(request), reason=reason, caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](do, name="switch organization"))


def _service(request: web.Request) -> OrganizationService:
    return request.app[HOST].management.organizations


def _resource(organization: Organization) -> OrganizationResource:
    return OrganizationResource.model_validate(flat(organization))


def _answer(organization: Organization, *, made: bool = False) -> web.Response:
    place = {"Location": f"{ORGANIZATIONS}/{organization.id}"} if made else {}
    headers = {"ETag": etag_of(organization.version)} | place
    return json_response(_resource(organization), status=201 if made else 200, headers=headers)
