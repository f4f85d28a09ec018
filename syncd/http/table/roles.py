"""Routes of roles, of the permissions they can hold, and of what directories call them."""

from __future__ import annotations

from syncd.http.handlers import roles
from syncd.http.routing import Route
from syncd.http.schemas_roles import (
    IdentifiersQuery,
    PermissionList,
    RoleIdentifierPage,
    RolePage,
    RolePatch,
    RoleRequest,
    RoleResource,
    RolesQuery,
)
from syncd.http.schemas_structure import RemovalQuery, StructurePath
from syncd.http.table.conflicts import USED
from syncd.model.permission import Permission

_ROLE = {
    409: "Another role is called so, or its organization, its permissions, its holders or the configuration do not allow it."
}

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path=roles.ROLES,
        handler=roles.list_roles,
        permission=Permission.ROLES_READ,
        summary="Roles by name",
        tag="roles",
        query=RolesQuery,
        responses={200: ("A page of roles.", RolePage)},
    ),
    Route(
        method="POST",
        path=roles.ROLES,
        handler=roles.create_role,
        permission=Permission.ROLES_WRITE,
        summary="Make a role",
        tag="roles",
        body=RoleRequest,
        responses={201: ("Made; the Location header has its address.", RoleResource)},
        problems=_ROLE,
        versioned=True,
        idempotent=True,
    ),
    Route(
        method="GET",
        path=roles.ROLES + "/{id}",
        handler=roles.get_role,
        permission=Permission.ROLES_READ,
        summary="One role",
        tag="roles",
        params=StructurePath,
        responses={200: ("The role.", RoleResource)},
        versioned=True,
    ),
    Route(
        method="PATCH",
        path=roles.ROLES + "/{id}",
        handler=roles.edit_role,
        permission=Permission.ROLES_WRITE,
        summary="Change a role; left out is unchanged, null is removed",
        tag="roles",
        params=StructurePath,
        body=RolePatch,
        responses={200: ("As it is now.", RoleResource)},
        problems=_ROLE,
        versioned=True,
    ),
    Route(
        method="DELETE",
        path=roles.ROLES + "/{id}",
        handler=roles.delete_role,
        permission=Permission.ROLES_WRITE,
        summary="Delete a role that nobody has",
        tag="roles",
        params=StructurePath,
        query=RemovalQuery,
        responses={204: ("Deleted.", None)},
        problems=USED,
        versioned=True,
    ),
    Route(
        method="GET",
        path="/api/v1/permissions",
        handler=roles.list_permissions,
        permission=Permission.ROLES_READ,
        summary="The permissions that roles can hold: syncd's own, and those in use for other systems",
        tag="roles",
        responses={200: ("All of them.", PermissionList)},
    ),
    Route(
        method="GET",
        path=roles.IDENTIFIERS,
        handler=roles.list_role_identifiers,
        permission=Permission.ROLES_READ,
        summary="What directories call a role, and the roles that follow from it",
        tag="roles",
        query=IdentifiersQuery,
        responses={200: ("A page of role identifiers.", RoleIdentifierPage)},
        problems={400: "No directory is called so."},
    ),
)
