"""Roles, groups, organizations and units as they go over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from syncd.accounts.permissions import PERMISSION_MAX, PERMISSION_PATTERN
from syncd.http.schemas import MAX_ID, Number, Resource, Strict
from syncd.http.schemas_plans import DecisionRequest
from syncd.model.structure import DESCRIPTION_MAX, MEMBERS_MAX, NAME_MAX, PERMISSIONS_MAX

# no control characters, and something that is no space
_NAME = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_NO_NUL = r"^[^\x00]*$"

NameText = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=_NAME)]
DescriptionText = Annotated[str, Field(max_length=DESCRIPTION_MAX, pattern=_NO_NUL)]
PermissionText = Annotated[str, Field(max_length=PERMISSION_MAX, pattern=PERMISSION_PATTERN, examples=["crm.orders:read"])]
Permissions = Annotated[list[PermissionText], Field(max_length=PERMISSIONS_MAX)]


# ---------------------------------------------------------------- in: which
class StructurePath(Strict):
    """Which one."""

    id: int = Field(ge=1, le=MAX_ID)
    """Its id."""


class MemberPath(StructurePath):
    """Which member of which group."""

    user_id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""


class ListQuery(Strict):
    """Which part of a list."""

    search: str = Field(default="", max_length=200, pattern=_NO_NUL)
    """Words that all occur in the name or the description, in any order, without regard to case."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, pattern=_NO_NUL)
    """Only what comes after this place; `next` of a page has it filled in."""


class RolesQuery(ListQuery):
    """Which roles."""

    organization: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only roles of this organization."""
    scope: Literal["all", "system"] = "all"
    """`system`: only system-wide roles."""


class OrganizationsQuery(ListQuery):
    """Which organizations."""

    enabled: Literal["true", "false"] | None = None
    """Only those that are enabled, or that are not."""


class UnitsQuery(ListQuery):
    """Which units."""

    organization: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only units of this organization."""
    parent: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only units that lie directly in this one."""
    division: int | None = Field(default=None, ge=1, le=MAX_ID)
    """Only this unit and all below it."""


class MembersQuery(Strict):
    """Which members."""

    search: str = Field(default="", max_length=200, pattern=_NO_NUL)
    """Words that all occur in the names, the username or the primary address, in any order, without regard to case."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: int = Field(default=0, ge=0, le=MAX_ID)
    """Only users after the one with this id; `next` of a page has it filled in."""


class IdentifiersQuery(Strict):
    """Which role identifiers."""

    directory: str | None = Field(default=None, min_length=1, max_length=200, pattern=_NO_NUL)
    """Only those of this directory."""
    mapped: Literal["true", "false"] | None = None
    """Only those that give a role, or that give none."""
    limit: int = Field(default=50, ge=1, le=500)
    """How many at most."""
    after: str | None = Field(default=None, pattern=_NO_NUL)
    """Only what comes after this place; `next` of a page has it filled in."""


class RemovalQuery(DecisionRequest):
    """Why something is taken away."""


# ---------------------------------------------------------------- in: what
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


class GroupRequest(Strict):
    """A new group."""

    name: NameText
    """Unique, in any spelling."""
    description: DescriptionText = ""


class GroupPatch(Strict):
    """What to change of a group (RFC 7396)."""

    name: NameText = Field(default_factory=str)
    description: DescriptionText | None = None


class MembersRequest(Strict):
    """Users to put into a group."""

    users: list[Number] = Field(min_length=1, max_length=MEMBERS_MAX)
    """Their ids."""


class MembersRemoval(DecisionRequest):
    """Users to take out of a group."""

    users: list[Number] = Field(min_length=1, max_length=MEMBERS_MAX)
    """Their ids."""


class OrganizationRequest(Strict):
    """A new organization."""

    name: NameText
    """Unique, in any spelling."""
    enabled: bool = Field(default=True, strict=True)


class OrganizationPatch(Strict):
    """What to change of an organization (RFC 7396)."""

    name: NameText = Field(default_factory=str)


class UnitRequest(Strict):
    """A new unit."""

    name: NameText
    """Unique among those in the same place."""
    organization_id: Number
    parent_id: Number | None = None
    """The unit it lies in, of the same organization; null: at the top."""


class UnitPatch(Strict):
    """What to change of a unit (RFC 7396)."""

    name: NameText = Field(default_factory=str)
    parent_id: Number | None = None
    """Moves it, with all below it; null: to the top of its organization."""


# ---------------------------------------------------------------- out
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


class GroupResource(Resource):
    """A set of users. It gives no permission."""

    id: int
    name: str
    description: str
    members: int
    version: int
    created_at: datetime


class MemberResource(Resource):
    """Somebody in a group."""

    id: int
    username: str | None
    display_name: str | None
    email: str | None


class OrganizationResource(Resource):
    """An organization. Nobody can log in without access to an enabled one."""

    id: int
    name: str
    enabled: bool
    directories: list[str]
    """Directories that use it."""
    managed_by: str | None
    """The directory that made it, which alone decides its name; null for one made by hand."""
    users: int
    """People with access to it."""
    units: int
    version: int
    created_at: datetime
    updated_at: datetime


class UnitResource(Resource):
    """A business unit."""

    id: int
    name: str
    organization_id: int
    organization: str
    """Its name."""
    parent_id: int | None
    """The unit it lies in; null at the top of its organization."""
    path: str
    """Names from the top, with slashes between them; a slash inside a name is `\\/`."""
    depth: int
    """0 at the top."""
    directory: str | None
    """The directory it comes from, which decides everything about it; null for one made by hand."""
    users: int
    """People in it, not counting those of units below."""
    children: int
    """Units directly in it."""
    version: int


class MembersChanged(Resource):
    """What came of it."""

    changed: int
    """How many came in, or went out."""
    members: int
    """How many are in it now."""


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


class GroupPage(Resource):
    """Groups by name."""

    items: list[GroupResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class MemberPage(Resource):
    """Members by id."""

    items: list[MemberResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class OrganizationPage(Resource):
    """Organizations by name."""

    items: list[OrganizationResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class UnitPage(Resource):
    """Units, organization by organization, each before those that lie in it."""

    items: list[UnitResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


class RoleIdentifierPage(Resource):
    """Role identifiers, directory by directory, by name."""

    items: list[RoleIdentifierResource]
    next: str | None
    """Address of the next page; null on the last. The same stands in the Link header (RFC 8288)."""


def flat(value: Any) -> dict[str, Any]:
    """The attributes of a value of syncd.model.structure with those of its fields, as the resources have them."""
    found = {name: getattr(value, name) for name in value.__slots__ if name != "fields"}
    return {name: getattr(value.fields, name) for name in value.fields.__slots__} | found


def changes_of(patch: Strict) -> dict[str, Any]:
    """What a merge patch says: left out is unchanged, null is removed."""
    empty: dict[str, Any] = {"description": "", "permissions": ()}
    given = patch.model_dump(exclude_unset=True)
    return {
        name: empty.get(name) if value is None else tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
