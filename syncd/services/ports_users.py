"""What the use cases of users need of the store. Each method is one transaction; all raise StoreError."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from syncd.model.caller import Caller
from syncd.model.mail import NewMail
from syncd.model.useredit import Avatar, Decides, FirstPlace, NewUser, OwnedRecord, UserDetail, UserEdit
from syncd.model.views import Page


class UserStore(Protocol):
    """Users, changed by hand."""

    def detail(self, user_id: int, *, now: datetime) -> UserDetail:
        """Raises NotFoundError."""

    def create(
        self,
        new: NewUser,
        *,
        password_hash: str | None,
        mail: NewMail | None,
        link_expires_at: datetime | None,
        caller: Caller,
        at: datetime,
    ) -> int:
        """The number of a new manual user. With `link_expires_at` they are invited: they get a link, and wait for a password.

        Raises NameTakenError, NoSuchReferenceError, RoleOrganizationError.
        """

    def create_administrator(self, new: NewUser, place: FirstPlace, *, password_hash: str, caller: Caller, at: datetime) -> int:
        """The same for an administrator, with the role, the organization and the unit if they are missing."""

    def administrators(self, roles: Collection[str], *, now: datetime) -> int:
        """How many people have one of these roles and can log in at that moment."""

    def edit(
        self,
        user_id: int,
        edit: UserEdit,
        *,
        decides: Decides,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str | None,
        caller: Caller,
        at: datetime,
    ) -> int:
        """Change what differs; the version then.

        Raises NotFoundError, PreconditionFailedError, ManagedFieldError, NameTakenError, NoSuchReferenceError, LastRoleError,
        RoleOrganizationError, ReasonNeededError, LastAdministratorError.
        """

    def delete(
        self,
        user_id: int,
        *,
        administrator_roles: Collection[str],
        if_match: int | None,
        reason: str,
        caller: Caller,
        at: datetime,
    ) -> None:
        """Raises NotFoundError, PreconditionFailedError, ManagedFieldError, InUseError, LastAdministratorError."""


class AvatarStore(Protocol):
    """Pictures of users."""

    def get(self, user_id: int) -> Avatar | None:
        """Raises NotFoundError when there is no such user."""

    def put(
        self,
        user_id: int,
        avatar: Avatar | None,
        *,
        if_match: Collection[str] | None,
        decides: Decides,
        caller: Caller,
        at: datetime,
    ) -> bool:
        """Set or remove it; whether that changed anything. `if_match`: digests, of which the present one must be one. Raises
        NotFoundError, PreconditionFailedError, ManagedFieldError."""


class RecordStore(Protocol):
    """Records of other systems that users own."""

    def list(self, user_id: int, *, limit: int, after: OwnedRecord | None) -> Page[OwnedRecord]:
        """By system and reference. Raises NotFoundError, UsageError for a limit that is none."""

    def add(self, user_id: int, system: str, reference: str, *, caller: Caller, at: datetime) -> bool:
        """Whether it is new. Raises NotFoundError, and StateError for a new one of somebody disabled."""

    def remove(self, user_id: int, system: str, reference: str, *, caller: Caller, at: datetime) -> bool:
        """Whether there was one. Raises NotFoundError."""
