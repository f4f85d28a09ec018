"""Routes of units."""

from __future__ import annotations

from syncd.http.handlers import units
from syncd.http.routing import Route
from syncd.http.schemas_structure import RemovalQuery, StructurePath
from syncd.http.schemas_units import UnitPage, UnitPatch, UnitRequest, UnitResource, UnitsQuery
from syncd.http.table.conflicts import USED
from syncd.model.permission import Permission

_TREE = {409: "Another unit there is called so, a directory decides about it, or it would lie in itself, elsewhere or nowhere."}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=units.UNITS,
        handler=units.list_units,
        permission=Permission.STRUCTURE_READ,
        summary="Units in the order of a tree",
        tag="units",
        query=UnitsQuery,
        responses={200: ("A page of units.", UnitPage)},
        problems={404: "There is no such unit."},
    ),
    Route(
        method="POST",
        path=units.UNITS,
        handler=units.create_unit,
        permission=Permission.STRUCTURE_WRITE,
        summary="Make a unit",
        tag="units",
        body=UnitRequest,
        responses={201: ("Made; the Location header has its address.", UnitResource)},
        problems=_TREE,
        versioned=True,
        idempotent=True,
    ),
    Route(
        method="GET",
        path=units.UNITS + "/{id}",
        handler=units.get_unit,
        permission=Permission.STRUCTURE_READ,
        summary="One unit",
        tag="units",
        params=StructurePath,
        responses={200: ("The unit.", UnitResource)},
        versioned=True,
    ),
    Route(
        method="PATCH",
        path=units.UNITS + "/{id}",
        handler=units.edit_unit,
        permission=Permission.STRUCTURE_WRITE,
        summary="Rename a unit, or move it with all below it",
        tag="units",
        params=StructurePath,
        body=UnitPatch,
        responses={200: ("As it is now.", UnitResource)},
        problems={409: f"{_TREE[409]} Or it would lie below a unit of the caller's own access."},
        versioned=True,
    ),
    Route(
        method="DELETE",
        path=units.UNITS + "/{id}",
        handler=units.delete_unit,
        permission=Permission.STRUCTURE_WRITE,
        summary="Delete a unit that nothing is in",
        tag="units",
        params=StructurePath,
        query=RemovalQuery,
        responses={204: ("Deleted.", None)},
        problems=USED,
        versioned=True,
    ),
)
