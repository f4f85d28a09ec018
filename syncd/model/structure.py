"""Roles, groups, organizations and units as people manage them: what they may set, and what the store says of each.

`…Fields` is what a person sets: the whole of it, so that a change is the fields before and the fields after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

NAME_MAX = 200
DESCRIPTION_MAX = 2000
# of one role
PERMISSIONS_MAX = 1000
# of one call
MEMBERS_MAX = 1000
# how deep units may lie
DEPTH_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of a list is wanted."""

    # words that all occur in a name or a description, in any order, without regard to case
    text: str = ""
    limit: int = 50
    # `next` of the page before
    after: str | None = None


# ---------------------------------------------------------------- roles
@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFields:
    """What is set of a role."""

    name: str
    description: str = ""
    # None: system-wide; else only for people with access to that organization
    organization_id: int | None = None
    # names, in order
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role of the store."""

    id: int
    fields: RoleFields
    # its name
    organization: str | None
    # people who have it, from whatever source
    users: int
    version: int
    created_at: datetime
    updated_at: datetime


# ---------------------------------------------------------------- groups
@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFields:
    """What is set of a group."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A set of users, for filters and notifications. It gives no permission."""

    id: int
    fields: GroupFields
    members: int
    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody in a group or a unit."""

    id: int
    username: str | None
    display_name: str | None
    email: str | None


# ---------------------------------------------------------------- organizations
@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationFields:
    """What is set of an organization."""

    name: str
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization: nobody can log in without access to an enabled one."""

    id: int
    fields: OrganizationFields
    # that use it, in order; none for one that only administrators use
    directories: tuple[str, ...]
    # the one that made it, which alone decides its name
    managed_by: str | None
    users: int
    units: int
    version: int
    created_at: datetime
    updated_at: datetime


# ---------------------------------------------------------------- units
@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFields:
    """What is set of a unit."""

    name: str
    organization_id: int
    # inside the same organization; None: at its top
    parent_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A business unit. A division is a unit with all below it."""

    id: int
    fields: UnitFields
    organization: str
    # names from the top, syncd.model.views.unit_path
    path: str
    # 0 at the top of its organization
    depth: int
    # None: made by hand
    directory: str | None
    # people in it, not counting those of units below
    users: int
    # units directly below
    children: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFilter:
    """Which units a list shows; all conditions must hold."""

    organization_id: int | None = None
    # directly below this one
    parent_id: int | None = None
    # this one and all below it
    division_id: int | None = None
