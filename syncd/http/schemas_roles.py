"""Roles, the permissions they hold and what directories call them, as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from syncd.accounts.permissions import PERMISSION_MAX, PERMISSION_PATTERN
from syncd.http.schemas import MAX_ID, Number, Resource, Strict
from syncd.http.schemas_structure import NO_NUL, DescriptionText, ListQuery, NameText
from syncd.model.structure import PERMISSIONS_MAX

PermissionText = Annotated[str, Field(max_length=PERMISSION_MAX, pattern=PERMISSION_PATTERN, examples=["crm.orders:read"])]
Permissions = Annotated[list[PermissionText], Field(max_length=PERMISSIONS_MAX)]


class RolesQuery(ListQuery):
    """Which roles."""

    organization: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only roles of this organization."""
    scope: Literal["all", "system"] = "all"
    """`system`: only system-wide roles."""


class IdentifiersQuery(Strict):
    """Which role identifiers."""

    directory: str | None = Field(default=None, min_length=1, max_length=200, pattern=NO_NUL)
    """Only those of this directory."""
    mapped: Literal["true", "false"] | None = None
    """Only those that give a role, or that give none."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, pattern=NO_NUL)
    """Only what comes after this place; `next` of a page has it filled in."""


class RoleRequest(Strict):
    """A new role."""

    name: NameText
    """Unique, in any spelling."""
    description: DescriptionText = ""
    organization_id: Number | None = None
    """The organization whose role it is; null for a system-wide one."""
    permissions: Permissions = []
    """syncd's own, which only a system-wide role can hold, and names for other systems (`GET /api/v1/permissions`)."""


class RolePatch(Strict):
    """What to change of a role (RFC 7396)."""

    name: NameText = Field(default_factory=str)
    description: DescriptionText | None = None
    organization_id: Number | None = None
    """null makes it system-wide."""
    permissions: Permissions | None = None
    """All it shall hold."""


class RoleResource(Resource):
    """A role."""

    id: int
    name: str
    description: str
    organization_id: int | None
    """null: system-wide."""
    organization: str | None
    """Its name."""
    permissions: list[str]
    """As stored: what the configured administrator, operator and auditor roles may besides is not among them."""
    users: int
    """People who have it, from whatever source."""
    version: int
    created_at: datetime
    updated_at: datetime


class PermissionResource(Resource):
    """A permission that a role can hold."""

    name: str
    sentence: str | None
    """What it lets somebody do; null for a name that another system gives a meaning."""
    ours: bool
    """Whether it is syncd's own."""
    roles: int
    """Roles that hold it, without what is built in."""


class PermissionList(Resource):
    """All permissions that there are."""

    items: list[PermissionResource]


class RoleIdentifierResource(Resource):
    """What a directory calls a role."""

    directory: str
    identifier: str
    dn: str | None
    members: int
    """People who have it, nesting resolved."""
    roles: list[str]
    """Roles that follow from it; none: no line of the mapping matches it."""
    configured: bool
    """False: its directory is no longer in the configuration, so there is no mapping."""


class RolePage(Resource):
    """Roles by name."""

    items: list[RoleResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class RoleIdentifierPage(Resource):
    """Role identifiers, directory by directory, by name."""

    items: list[RoleIdentifierResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""
