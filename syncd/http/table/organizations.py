"""Routes of organizations."""

from __future__ import annotations

from syncd.http.handlers import organizations
from syncd.http.routing import Route
from syncd.http.schemas_organizations import (
    OrganizationPage,
    OrganizationPatch,
    OrganizationRequest,
    OrganizationResource,
    OrganizationsQuery,
)
from syncd.http.schemas_plans import DecisionRequest
from syncd.http.schemas_structure import RemovalQuery, StructurePath
from syncd.http.table.conflicts import TAKEN, USED
from syncd.model.permission import Permission

_MANAGED = {409: "Another one is called so, or a directory decides its name."}
_LAST = {409: "Nobody would be left who can administer."}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=organizations.ORGANIZATIONS,
        handler=organizations.list_organizations,
        permission=Permission.STRUCTURE_READ,
        summary="Organizations by name",
        tag="organizations",
        query=OrganizationsQuery,
        responses={200: ("A page of organizations.", OrganizationPage)},
    ),
    Route(
        method="POST",
        path=organizations.ORGANIZATIONS,
        handler=organizations.create_organization,
        permission=Permission.STRUCTURE_WRITE,
        summary="Make an organization",
        tag="organizations",
        body=OrganizationRequest,
        responses={201: ("Made; the Location header has its address.", OrganizationResource)},
        problems=TAKEN,
        versioned=True,
        idempotent=True,
    ),
    Route(
        method="GET",
        path=organizations.ORGANIZATIONS + "/{id}",
        handler=organizations.get_organization,
        permission=Permission.STRUCTURE_READ,
        summary="One organization",
        tag="organizations",
        params=StructurePath,
        responses={200: ("The organization.", OrganizationResource)},
        versioned=True,
    ),
    Route(
        method="PATCH",
        path=organizations.ORGANIZATIONS + "/{id}",
        handler=organizations.edit_organization,
        permission=Permission.STRUCTURE_WRITE,
        summary="Rename an organization that no directory made",
        tag="organizations",
        params=StructurePath,
        body=OrganizationPatch,
        responses={200: ("As it is now.", OrganizationResource)},
        problems=_MANAGED,
        versioned=True,
    ),
    Route(
        method="DELETE",
        path=organizations.ORGANIZATIONS + "/{id}",
        handler=organizations.delete_organization,
        permission=Permission.STRUCTURE_WRITE,
        summary="Delete an organization that nothing uses",
        tag="organizations",
        params=StructurePath,
        query=RemovalQuery,
        responses={204: ("Deleted.", None)},
        problems=USED,
        versioned=True,
    ),
    Route(
        method="POST",
        path=organizations.ORGANIZATIONS + "/{id}/enable",
        handler=organizations.enable_organization,
        permission=Permission.STRUCTURE_WRITE,
        summary="Let the people of an organization in again",
        tag="organizations",
        params=StructurePath,
        body=DecisionRequest,
        responses={200: ("As it is now.", OrganizationResource)},
        versioned=True,
    ),
    Route(
        method="POST",
        path=organizations.ORGANIZATIONS + "/{id}/disable",
        handler=organizations.disable_organization,
        permission=Permission.STRUCTURE_WRITE,
        summary="Keep everybody out who has access to no other organization",
        tag="organizations",
        params=StructurePath,
        body=DecisionRequest,
        responses={200: ("As it is now.", OrganizationResource)},
        problems=_LAST,
        versioned=True,
    ),
)
