"""Organizations as people manage them.

Disabling one takes the login from everybody who has access to no other, so it asks for a reason, never takes the last
administrator, and tells other systems of each who lost access.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.accounts.permissions import HeldRole
from syncd.clock import Clock
from syncd.model.caller import Caller
from syncd.model.structure import Organization, OrganizationFields, Window
from syncd.model.views import Page
from syncd.services.ceiling import CeilingService
from syncd.services.ports_structure import OrganizationStore
from syncd.services.structure_rules import name_text, reason_line


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationService:
    """The use cases of organizations."""

    organizations: OrganizationStore
    ceiling: CeilingService
    administrator_roles: Collection[str]
    clock: Clock

    def list(self, window: Window, *, enabled: bool | None = None) -> Page[Organization]:
        """By name. Raises UsageError."""
        return self.organizations.list(window, enabled=enabled)

    def get(self, organization_id: int) -> Organization:
        """Raises NotFoundError."""
        return self.organizations.get(organization_id)

    def by_name(self, name: str) -> int | None:
        """The number of the organization of this name."""
        return self.organizations.by_name(name)

    def create(self, fields: OrganizationFields, *, caller: Caller) -> Organization:
        """Raises UsageError, NameTakenError."""
        fields = OrganizationFields(name=name_text(fields.name), enabled=fields.enabled)
        return self.organizations.create(fields, caller=caller, at=self.clock.now())

    def edit(
        self, organization_id: int, changes: Mapping[str, Any], *, if_match: int | None = None, caller: Caller
    ) -> Organization:
        """Change these fields: the name. Raises UsageError, NotFoundError, PreconditionFailedError, NameTakenError,
        ManagedFieldError."""
        text = name_text(changes["name"]) if "name" in changes else None
        return self.organizations.rename(organization_id, text, if_match=if_match, caller=caller, at=self.clock.now())

    def enable(self, organization_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> Organization:
        """Let its people in again. Raises UsageError, NotFoundError, PreconditionFailedError, AboveCallerError."""
        return self._switch(organization_id, enabled=True, if_match=if_match, reason=reason, caller=caller)

    def disable(self, organization_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> Organization:
        """Keep everybody out who has access to no other. Raises as `enable`, and LastAdministratorError."""
        return self._switch(organization_id, enabled=False, if_match=if_match, reason=reason, caller=caller)

    def delete(self, organization_id: int, *, if_match: int | None = None, reason: str, caller: Caller) -> None:
        """Raises UsageError, NotFoundError, PreconditionFailedError, ManagedFieldError, InUseError."""
        text = reason_line(reason)
        self.organizations.delete(organization_id, if_match=if_match, reason=text, caller=caller, at=self.clock.now())

    def _switch(
        self, organization_id: int, *, enabled: bool, if_match: int | None, reason: str, caller: Caller
    ) -> Organization:
        powers, text = self.ceiling.powers(caller), reason_line(reason)

        def allow(roles: Sequence[HeldRole]) -> None:
            self.ceiling.require_each(roles, powers, to="decide whether these people can log in")

        before = self.organizations.get(organization_id)
        switched = self.organizations.switch(
            organization_id,
            allow,
            enabled=enabled,
            administrator_roles=self.administrator_roles,
            if_match=if_match,
            reason=text,
            caller=caller,
            at=self.clock.now(),
        )
        if switched.version != before.version:
            self._announce(organization_id, caller=caller)
        return switched

    def _announce(self, organization_id: int, *, caller: Caller) -> None:
        """In batches, each a transaction: no other writer waits for an organization of a hundred thousand."""
        last: int | None = 0
        while last is not None:
            last = self.organizations.announce(organization_id, after=last, caller=caller, at=self.clock.now())
