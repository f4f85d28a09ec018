"""Roles, groups, organizations and units."""

from __future__ import annotations

from syncd.mapping.roles import RoleMap
from syncd.services.groups import GroupService
from syncd.services.organizations import OrganizationService
from syncd.services.roles import RoleService
from syncd.services.units import UnitService
from syncd.store.groups import SqlGroups
from syncd.store.organizations import SqlOrganizations
from syncd.store.permissions import SqlPermissions
from syncd.store.roles_write import SqlRoles
from syncd.store.units import SqlUnits
from syncd.wiring.shared import Shared


def roles(shared: Shared) -> RoleService:
    """Roles and permissions."""
    settings = shared.settings
    return RoleService(
        roles=SqlRoles(shared.engine),
        permissions_in_use=SqlPermissions(shared.engine),
        identifiers_of=shared.queries.role_identifiers,
        ceiling=shared.ceiling,
        maps={name: RoleMap(each.roles.map, each.roles.default) for name, each in settings.directories.items()},
        administrator_roles=settings.administrator_roles,
        clock=shared.clock,
    )


def groups(shared: Shared) -> GroupService:
    """Groups of the store's own."""
    return GroupService(groups=SqlGroups(shared.engine), clock=shared.clock)


def organizations(shared: Shared) -> OrganizationService:
    """Organizations."""
    return OrganizationService(
        organizations=SqlOrganizations(shared.engine),
        ceiling=shared.ceiling,
        administrator_roles=shared.settings.administrator_roles,
        clock=shared.clock,
    )


def units(shared: Shared) -> UnitService:
    """Business units."""
    return UnitService(units=SqlUnits(shared.engine), clock=shared.clock)
