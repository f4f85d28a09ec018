"""What the use cases of roles, groups, organizations and units need of the store.

A change is given as a function from the fields as they are to the fields as they shall be, which is called inside the
transaction: so whoever decides sees what is being changed, and nobody else changes it in between. It calls no other store.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from syncd.accounts.permissions import HeldRole
from syncd.model.caller import Caller
from syncd.model.structure import (
    Group,
    GroupFields,
    Member,
    Organization,
    OrganizationFields,
    Role,
    RoleFields,
    Unit,
    UnitFields,
    UnitFilter,
    Window,
)
from syncd.model.views import Page


class PermissionStore(Protocol):
    """What roles people have, and what is stored with these."""

    def roles_of_user(self, user_id: int) -> Sequence[HeldRole]:
        """Each once, whatever gave it."""

    def roles_by_id(self, role_ids: Collection[int]) -> Mapping[int, HeldRole]:
        """Of those that exist."""

    def stored_names(self) -> Mapping[str, int]:
        """Every permission name that a role holds, and how many roles do."""


class RoleStore(Protocol):
    """Roles. Everything raises StoreError."""

    def list(self, window: Window, *, organization_id: int | None = None, system: bool = False) -> Page[Role]:
        """By name; of one organization, or with `system` the system-wide ones. Raises UsageError."""

    def get(self, role_id: int) -> Role:
        """Raises NotFoundError."""

    def by_name(self, name: str) -> int | None:
        """The number of the role of this name, in any spelling."""

    def create(self, fields: RoleFields, *, caller: Caller, at: datetime) -> Role:
        """Raises NameTakenError, NoSuchReferenceError."""

    def edit(
        self, role_id: int, change: Callable[[RoleFields], RoleFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Role:
        """Raises NotFoundError, PreconditionFailedError, NameTakenError, NoSuchReferenceError, InUseError, and what `change`
        raises."""

    def delete(
        self,
        role_id: int,
        allow: Callable[[RoleFields], None],
        *,
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> None:
        """Raises NotFoundError, PreconditionFailedError, InUseError while somebody has it, and what `allow` raises."""


class GroupStore(Protocol):
    """Groups. Everything raises StoreError."""

    def list(self, window: Window) -> Page[Group]:
        """By name. Raises UsageError."""

    def get(self, group_id: int) -> Group:
        """Raises NotFoundError."""

    def by_name(self, name: str) -> int | None:
        """The number of the group of this name, in any spelling."""

    def create(self, fields: GroupFields, *, caller: Caller, at: datetime) -> Group:
        """Raises NameTakenError."""

    def edit(
        self, group_id: int, change: Callable[[GroupFields], GroupFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Group:
        """Raises NotFoundError, PreconditionFailedError, NameTakenError."""

    def delete(self, group_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        """With its memberships. Raises NotFoundError, PreconditionFailedError."""

    def members(self, group_id: int, *, text: str, limit: int, after: int) -> Page[Member]:
        """By number of the user, those after that one. Raises NotFoundError, UsageError."""

    def add(self, group_id: int, user_ids: Collection[int], *, caller: Caller, at: datetime) -> int:
        """How many were not in it before. Raises NotFoundError, and NoSuchReferenceError, naming a user that does not exist;
        then nobody is added."""

    def remove(self, group_id: int, user_ids: Collection[int], *, reason: str, caller: Caller, at: datetime) -> int:
        """How many were in it. Raises NotFoundError."""


class OrganizationStore(Protocol):
    """Organizations. Everything raises StoreError."""

    def list(self, window: Window, *, enabled: bool | None = None) -> Page[Organization]:
        """By name. Raises UsageError."""

    def get(self, organization_id: int) -> Organization:
        """Raises NotFoundError."""

    def by_name(self, name: str) -> int | None:
        """The number of the organization of this name, in any spelling."""

    def create(self, fields: OrganizationFields, *, caller: Caller, at: datetime) -> Organization:
        """Raises NameTakenError."""

    def rename(
        self, organization_id: int, name: str | None, *, if_match: int | None, caller: Caller, at: datetime
    ) -> Organization:
        """None: as it is. Raises NotFoundError, PreconditionFailedError, NameTakenError, ManagedFieldError."""

    def switch(
        self,
        organization_id: int,
        allow: Callable[[Sequence[HeldRole]], None],
        *,
        enabled: bool,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> Organization:
        """Enable or disable. `allow` is asked with the roles of everybody who has access to no other enabled organization.

        Raises NotFoundError, PreconditionFailedError, LastAdministratorError, and what `allow` raises.
        """

    def announce(self, organization_id: int, *, after: int, caller: Caller, at: datetime) -> int | None:
        """Tell who can or cannot log in now of the next batch of people with access to it, by number of the user; the number of
        the last, None when nobody is left."""

    def delete(self, organization_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        """Raises NotFoundError, PreconditionFailedError, ManagedFieldError, InUseError."""


class UnitStore(Protocol):
    """Business units. Everything raises StoreError."""

    def list(self, window: Window, wanted: UnitFilter) -> Page[Unit]:
        """In the order of a tree, organization by organization. Raises UsageError, NotFoundError."""

    def get(self, unit_id: int) -> Unit:
        """Raises NotFoundError."""

    def by_path(self, organization_id: int, path: str) -> int | None:
        """The number of the unit with this path, in any spelling; None when there is none or several."""

    def create(self, fields: UnitFields, *, caller: Caller, at: datetime) -> Unit:
        """Raises NoSuchReferenceError, NameTakenError for a brother of that name, UnitTreeError."""

    def edit(
        self, unit_id: int, change: Callable[[UnitFields], UnitFields], *, if_match: int | None, caller: Caller, at: datetime
    ) -> Unit:
        """Rename or move, with all below it. Raises NotFoundError, PreconditionFailedError, ManagedFieldError, what `create`
        raises, and OneselfError when a unit that the caller has access to would come to lie above it."""

    def delete(self, unit_id: int, *, if_match: int | None, reason: str, caller: Caller, at: datetime) -> None:
        """Raises NotFoundError, PreconditionFailedError, ManagedFieldError, InUseError."""
