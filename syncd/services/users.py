"""Users by hand: look at one, make, edit and delete, and the records of other systems that they own.

Who may do what to whom is decided here: nobody gives more than they have (`Ceiling`), nobody changes their own roles, access or
owner, and what a directory decides is its own. What must hold of the store at that moment is looked at in its transaction.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from syncd.accounts.fields import checked_fields
from syncd.accounts.managed import ManagedFields
from syncd.clock import Clock
from syncd.errors import (
    ConflictError,
    NoSuchReferenceError,
    NotFoundError,
    OneselfError,
    PreconditionFailedError,
    UsageError,
)
from syncd.model.caller import Caller
from syncd.model.mail import MailKind, NewMail
from syncd.model.records import FieldValue
from syncd.model.useredit import (
    REFERENCE,
    REFERENCE_LONGEST,
    SYSTEM,
    SYSTEM_LONGEST,
    NewUser,
    OwnedRecord,
    Place,
    UserDetail,
    UserEdit,
)
from syncd.model.views import Page
from syncd.services.mails import time_text
from syncd.services.ports_people import Ceiling, Hasher, Mailer, PasswordRules
from syncd.services.ports_users import RecordStore, UserStore
from syncd.services.structure_rules import reason_line
from syncd.settings.duration import parse_duration

# how often an edit is tried whose user was changed by others between the look and the change
TRIES = 5
_ABOUT = ("username", "email", "first_name", "last_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserService:
    """The use cases of one user."""

    users: UserStore
    records: RecordStore
    rules: PasswordRules
    hasher: Hasher
    mailer: Mailer
    ceiling: Ceiling
    managed: ManagedFields
    # declared custom fields and their types
    custom_fields: Mapping[str, str]
    administrator_roles: Collection[str]
    # how long an invitation works
    invitation_lifetime: str
    clock: Clock

    # ------------------------------------------------------------ looking
    def get(self, user_id: int) -> UserDetail:
        """Raises NotFoundError."""
        detail = self.users.detail(user_id, now=self.clock.now())
        present = [identity.name for identity in detail.person.directories if identity.missing_since is None]
        return replace(detail, managed=self.managed.of(present))

    # ------------------------------------------------------------ making
    def hashed(self, password: str, fields: Mapping[str, Any]) -> str:
        """The hash of a new user's password; slow. `fields`: what the password must not contain. Raises WeakPasswordError."""
        about = [str(fields[name]) for name in _ABOUT if fields.get(name)]
        self.rules.require(password, about=about)
        return self.hasher.hash(password)

    def create(self, new: NewUser, *, password_hash: str | None, caller: Caller) -> UserDetail:
        """Make a manual user: with a password, or else with an invitation to choose one.

        Raises NameTakenError, NoSuchReferenceError, UnfitValueError, RoleOrganizationError, LastRoleError, AboveCallerError,
        and ConflictError when no invitation can be mailed.
        """
        at = self.clock.now()
        self._require_roles(new.role_ids, caller=caller)
        new = replace(new, fields=self.checked(new.fields, at))
        expires = at + parse_duration(self.invitation_lifetime) if password_hash is None else None
        mail = self._invitation(new.fields, expires=expires) if expires is not None else None
        number = self.users.create(new, password_hash=password_hash, mail=mail, link_expires_at=expires, caller=caller, at=at)
        return self.get(number)

    def _invitation(self, fields: Mapping[str, FieldValue], *, expires: datetime) -> NewMail:
        texts = {name: str(fields.get(name) or "") for name in _ABOUT}
        name = f"{texts['first_name']} {texts['last_name']}".strip()
        mail = self.mailer.new(
            MailKind.INVITATION, user_id=None, to=texts["email"], name=name, username=texts["username"],
            expires=time_text(expires), by="administrator",
        )  # fmt: skip
        if mail is None:
            raise ConflictError("nobody can be invited: no mail is configured", advice="Set `mail.host`, or give a password.")
        return mail

    # ------------------------------------------------------------ changing
    def edit(
        self,
        user_id: int,
        edit: UserEdit,
        *,
        caller: Caller,
        reason: str | None = None,
        if_match: int | None = None,
    ) -> UserDetail:
        """Change what differs. What a directory decides may be sent as it is, and nothing else.

        Raises NotFoundError, PreconditionFailedError, ManagedFieldError, OneselfError, AboveCallerError, and all of `create`.
        """
        at = self.clock.now()
        reason = None if reason is None else reason_line(reason)
        edit = replace(edit, fields=self.checked(edit.fields, at))
        for left in reversed(range(TRIES)):
            version = self._allow(user_id, edit, caller=caller)
            try:
                self.users.edit(
                    user_id, edit, decides=self.managed.of, administrator_roles=self.administrator_roles,
                    if_match=version if if_match is None else if_match, reason=reason, caller=caller, at=at,
                )  # fmt: skip
            except PreconditionFailedError:
                if if_match is not None or not left:
                    raise
            else:
                break
        return self.get(user_id)

    def _allow(self, user_id: int, edit: UserEdit, *, caller: Caller) -> int:
        """The version of the user for which the edit is allowed."""
        known = self.users.detail(user_id, now=self.clock.now())
        if caller.user_id == user_id:
            _require_not_own(known, edit)
        else:
            self.ceiling.require_user(user_id, caller=caller)
        if edit.role_ids is not None:
            self._require_roles(edit.role_ids ^ known.manual_roles, caller=caller)
        return known.person.version

    def _require_roles(self, role_ids: Collection[int], *, caller: Caller) -> None:
        try:
            self.ceiling.require_roles(role_ids, caller=caller)
        except NotFoundError as error:
            raise NoSuchReferenceError(error.message) from error

    def checked(self, fields: Mapping[str, Any], at: datetime) -> dict[str, FieldValue]:
        """The fields as they are stored. Raises UnfitValueError."""
        return checked_fields(fields, custom=self.custom_fields, today=at.date())

    # ------------------------------------------------------------ deleting
    def delete(self, user_id: int, *, caller: Caller, reason: str, if_match: int | None = None) -> None:
        """Delete a manual user with everything that is theirs (S58).

        Raises NotFoundError, PreconditionFailedError, OneselfError, AboveCallerError, ManagedFieldError (a directory's),
        InUseError (owns records), LastAdministratorError.
        """
        text = reason_line(reason)
        if caller.user_id == user_id:
            raise OneselfError("nobody can delete themselves")
        self.ceiling.require_user(user_id, caller=caller)
        self.users.delete(
            user_id, administrator_roles=self.administrator_roles, if_match=if_match, reason=text, caller=caller,
            at=self.clock.now(),
        )  # fmt: skip

    # ------------------------------------------------------------ records of other systems
    def owned(self, user_id: int, *, limit: int = 50, after: str | None = None) -> Page[OwnedRecord]:
        """What the user owns, by system and reference; `after`: system/reference. Raises NotFoundError, UsageError."""
        mark = None
        if after is not None:
            system, _, reference = after.partition("/")
            mark = OwnedRecord(system, reference)
        return self.records.list(user_id, limit=limit, after=mark)

    def own(self, user_id: int, system: str, reference: str, *, caller: Caller) -> bool:
        """Note that the user owns a record of another system; whether that is new. Raises NotFoundError, StateError (S4),
        UsageError for names that are none."""
        _require_record(system, reference)
        return self.records.add(user_id, system, reference, caller=caller, at=self.clock.now())

    def disown(self, user_id: int, system: str, reference: str, *, caller: Caller) -> bool:
        """Note that they no longer do; whether they did. Raises NotFoundError."""
        return self.records.remove(user_id, system, reference, caller=caller, at=self.clock.now())


def _require_record(system: str, reference: str) -> None:
    """Raises UsageError."""
    if len(system) > SYSTEM_LONGEST or not re.fullmatch(SYSTEM, system):
        raise UsageError(f"{system!r} names no system: small letters, digits and . _ -, {SYSTEM_LONGEST} at most")
    if len(reference) > REFERENCE_LONGEST or not re.fullmatch(REFERENCE, reference):
        raise UsageError(f"{reference!r} is no reference: no slash, no control characters, {REFERENCE_LONGEST} at most")


def _require_not_own(known: UserDetail, edit: UserEdit) -> None:
    """Nobody changes their own roles, access or owner. Raises OneselfError."""
    if edit.role_ids is not None and edit.role_ids != known.manual_roles:
        raise OneselfError("nobody changes their own roles")
    if edit.places is not None and edit.places != known.manual_places:
        raise OneselfError("nobody changes their own access")
    owner = known.owner_unit.id if known.owner_unit is not None else None
    if edit.owner_unit_id is not None and edit.owner_unit_id[0] != owner:
        raise OneselfError("nobody changes their own owner")


def places_of(access: Sequence[tuple[int, Sequence[int]]]) -> frozenset[Place]:
    """Places, of organizations with their units."""
    found: set[Place] = set()
    for organization, units in access:
        found |= {Place(organization, unit) for unit in units} or {Place(organization)}
    return frozenset(found)
