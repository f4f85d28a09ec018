"""Business units."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from syncd.http.blocking import STORE_CALLS
from syncd.http.context import HOST
from syncd.http.responses import json_response, link_to, next_page
from syncd.http.routing import caller_of, etag_of, if_match, part_of
from syncd.http.schemas_structure import RemovalQuery, StructurePath, changes_of, flat
from syncd.http.schemas_units import UnitPage, UnitPatch, UnitRequest, UnitResource, UnitsQuery
from syncd.model.structure import Unit, UnitFields, UnitFilter, Window
from syncd.services.units import UnitService

UNITS = "/api/v1/units"


async def list_units(request: web.Request) -> web.Response:
    """Units in the order of a tree."""
    query = part_of(request, UnitsQuery)
    window = Window(text=query.search, limit=query.limit, after=query.after)
    wanted = UnitFilter(organization_id=query.organization, parent_id=query.parent, division_id=query.division)
    page = await request.app[STORE_CALLS](partial(_service(request).list, window, wanted), name="list units")
    following = next_page(UNITS, query, after=page.next) if page.next else None
    return json_response(UnitPage(items=[_resource(unit) for unit in page.items], next=following), headers=link_to(following))


async def get_unit(request: web.Request) -> web.Response:
    """One unit."""
    look = partial(_service(request).get, part_of(request, StructurePath).id)
    return _answer(await request.app[STORE_CALLS](look, name="get unit"))


async def create_unit(request: web.Request) -> web.Response:
    """Make a unit."""
    body = part_of(request, UnitRequest)
    fields = UnitFields(name=body.name, organization_id=body.organization_id, parent_id=body.parent_id)
    make = partial(_service(request).create, fields, caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](make, name="create unit"), made=True)


async def edit_unit(request: web.Request) -> web.Response:
    """Rename a unit, or move it with all below it."""
    unit_id, changes = part_of(request, StructurePath).id, changes_of(part_of(request, UnitPatch))
    edit = partial(_service(request).edit, unit_id, changes, if_match=if_match(request), caller=caller_of(request))
    return _answer(await request.app[STORE_CALLS](edit, name="edit unit"))


async def delete_unit(request: web.Request) -> web.Response:
    """Delete a unit that nothing is in."""
    unit_id, reason = part_of(request, StructurePath).id, part_of(request, RemovalQuery).reason
    delete = partial(_service(request).delete, unit_id, if_match=if_match(request), reason=reason, caller=caller_of(request))
    await request.app[STORE_CALLS](delete, name="delete unit")
    return web.Response(status=204)


def _service(request: web.Request) -> UnitService:
    return request.app[HOST].management.units


def _resource(unit: Unit) -> UnitResource:
    return UnitResource.model_validate(flat(unit))


def _answer(unit: Unit, *, made: bool = False) -> web.Response:
    headers = {"ETag": etag_of(unit.version)} | ({"Location": f"{UNITS}/{unit.id}"} if made else {})
    return json_response(_resource(unit), status=201 if made else 200, headers=headers)
