"""Roles as people manage them.

Nobody makes, changes or deletes a role that gives more than they have (syncd.accounts.permissions). What the configuration
names stays: a run would make a mapped role again, and the administrator's role is what a site is administered with.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.accounts.permissions import HeldRole, Powers, wrong_permission
from syncd.clock import Clock
from syncd.errors import InUseError, PermissionNameError, UsageError
from syncd.mapping.roles import RoleMap
from syncd.model.caller import Caller
from syncd.model.permission import OURS
from syncd.model.structure import PERMISSIONS_MAX, Role, RoleFields, Window
from syncd.model.text import fold
from syncd.model.views import Page, RoleIdentifierView
from syncd.services.ceiling import CeilingService
from syncd.services.people import MappedIdentifier, mapped_identifiers
from syncd.services.permission_texts import SENTENCES
from syncd.services.ports_structure import PermissionStore, RoleStore
from syncd.services.structure_rules import description_text, name_text, reason_line


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionText:
    """A permission name, and what it is for."""

    name: str
    # None: one for other systems
    sentence: str | None
    # roles that hold it, not counting what is built in
    roles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleService:
    """The use cases of roles."""

    roles: RoleStore
    permissions_in_use: PermissionStore
    identifiers_of: Callable[[str | None], Sequence[RoleIdentifierView]]
    ceiling: CeilingService
    # name of a directory -> its mapping
    maps: Mapping[str, RoleMap]
    administrator_roles: Collection[str]
    clock: Clock

    # ------------------------------------------------------------ looking
    def list(self, window: Window, *, organization_id: int | None = None, system: bool = False) -> Page[Role]:
        """By name; of one organization, or with `system` the system-wide ones. Raises UsageError."""
        return self.roles.list(window, organization_id=organization_id, system=system)

    def get(self, role_id: int) -> Role:
        """Raises NotFoundError."""
        return self.roles.get(role_id)

    def by_name(self, name: str) -> int | None:
        """The number of the role of this name."""
        return self.roles.by_name(name)

    def permissions(self) -> tuple[PermissionText, ...]:
        """Ours, and those for other systems that a role holds."""
        stored = self.permissions_in_use.stored_names()
        names = sorted(OURS) + sorted(stored.keys() - OURS)
        return tuple(PermissionText(name=name, sentence=SENTENCES.get(name), roles=stored.get(name, 0)) for name in names)

    def identifiers(self, directory: str | None = None) -> tuple[MappedIdentifier, ...]:
        """What directories call a role, mapped or not (S28)."""
        return mapped_identifiers(self.identifiers_of(directory), self.maps)

    def identifier_page(
        self, *, directory: str | None = None, mapped: bool | None = None, limit: int = 50, after: str | None = None
    ) -> Page[MappedIdentifier]:
        """A part of them: directory by directory, by name. `mapped`: only those that give a role, or that give none."""
        found = [each for each in self.identifiers(directory) if mapped in (None, bool(each.roles))]
        if after is not None:
            found = found[bisect_right(found, _place_of(after), key=_place) :]
        following = json.dumps(_place(found[limit - 1]), ensure_ascii=False) if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=following)

    # ------------------------------------------------------------ changing
    def create(self, fields: RoleFields, *, caller: Caller) -> Role:
        """Raises UsageError, PermissionNameError, AboveCallerError, NameTakenError, NoSuchReferenceError, InUseError."""
        fields = _checked(fields)
        self._require_possible(fields)
        self._require_covered(self.ceiling.powers(caller), fields)
        return self.roles.create(fields, caller=caller, at=self.clock.now())

    def edit(self, role_id: int, changes: Mapping[str, Any], *, if_match: int | None = None, caller: Caller) -> Role:
        """Change these fields. Raises what `create` does, and PreconditionFailedError."""
        powers = self.ceiling.powers(caller)

        def change(before: RoleFields) -> RoleFields:
            fields = _checked(replace(before, **changes))
            if fields != before:
                self._require_covered(powers, before, fields)
                if fold(fields.name) != fold(before.name):
                    self._require_unconfigured(before, "renamed")
                self._require_possible(fields)
            return fields

        return self.roles.edit(role_id, change, if_match=if_match, caller=caller, at=self.clock.now())

    def delete(self, role_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> None:
        """Raises UsageError, NotFoundError, PreconditionFailedError, AboveCallerError, InUseError."""
        powers = self.ceiling.powers(caller)

        def allow(fields: RoleFields) -> None:
            self._require_covered(powers, fields)
            self._require_unconfigured(fields, "deleted")

        self.roles.delete(role_id, allow, if_match=if_match, reason=reason_line(reason), caller=caller, at=self.clock.now())

    # ------------------------------------------------------------ guards
    def _require_covered(self, powers: Powers, *versions: RoleFields) -> None:
        """Raises AboveCallerError: of what was and of what shall be, the caller must hold everything."""
        held = [
            HeldRole(name=each.name, organization_id=each.organization_id, permissions=frozenset(each.permissions))
            for each in versions
        ]
        self.ceiling.require_each(held, powers, to="make, change or delete this role")

    def _require_possible(self, fields: RoleFields) -> None:
        """Raises InUseError when a role that is for everybody would be one organization's."""
        user = self._configured(fields.name)
        if user is not None and fields.organization_id is not None:
            raise InUseError(f"{user} names the role {fields.name}, so it has to be system-wide")

    def _require_unconfigured(self, fields: RoleFields, what: str) -> None:
        """Raises InUseError when the configuration names the role."""
        user = self._configured(fields.name)
        if user is not None:
            raise InUseError(
                f"{user} names the role {fields.name}, so it cannot be {what}",
                advice="Take it out of the configuration first.",
            )

    def _configured(self, name: str) -> str | None:
        """The line of the configuration that names the role."""
        key = fold(name)
        if key in map(fold, self.administrator_roles):
            return "`administrator_roles`"
        for directory, mapping in self.maps.items():
            if key in map(fold, mapping.names):
                return f"`directories.{directory}.roles`"
        return None


def _place(each: MappedIdentifier) -> tuple[str, ...]:
    """Where it stands among all, as the read model sorts them."""
    view = each.identifier
    return view.directory, fold(view.identifier), view.identifier, view.dn or ""


def _place_of(mark: str) -> tuple[str, ...]:
    """The place that a page ended with; any other text is taken for the name of a directory."""
    try:
        found = json.loads(mark)
    except (ValueError, RecursionError):
        found = None
    return tuple(map(str, found)) if isinstance(found, list) else (mark,)


def _checked(fields: RoleFields) -> RoleFields:
    """The fields in their stored form. Raises UsageError, PermissionNameError."""
    names = tuple(sorted(set(fields.permissions)))
    if len(names) > PERMISSIONS_MAX:
        raise UsageError(f"a role holds {PERMISSIONS_MAX} permissions at most")
    for name in names:
        wrong = wrong_permission(name, organization_id=fields.organization_id)
        if wrong is not None:
            raise PermissionNameError(wrong)
    return replace(fields, name=name_text(fields.name), description=description_text(fields.description), permissions=names)
