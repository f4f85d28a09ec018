"""Access of a person, as other systems ask for it and as people see their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncd.accounts.permissions import HeldRole, PermissionPolicy
from syncd.clock import Clock
from syncd.errors import NotFoundError
from syncd.model.access import Access, AccessFacts
from syncd.model.permission import OURS


class AccessStore(Protocol):
    """What the store has of it."""

    def access(self, user_id: int, *, now: datetime) -> AccessFacts:
        """Raises NotFoundError."""

    def user_called(self, username: str) -> int | None:
        """Whose username it is, in any spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """The use cases. All of them read one state of the store."""

    store: AccessStore
    policy: PermissionPolicy
    clock: Clock

    def of(self, user_id: int) -> Access:
        """Raises NotFoundError."""
        facts = self.store.access(user_id, now=self.clock.now())
        held = (
            HeldRole(name=role.name, organization_id=role.organization_id, permissions=role.permissions) for role in facts.roles
        )
        powers = self.policy.of_roles(held)
        local: dict[int, list[str]] = defaultdict(list)
        for organization_id, name in sorted(powers.local):
            local[organization_id].append(name)
        # whoever may everything holds whatever has a name here
        names = powers.permissions | (OURS if powers.everything else frozenset())
        return Access(
            facts=facts,
            everything=powers.everything,
            permissions=tuple(sorted(map(str, names))),
            local={organization_id: tuple(names) for organization_id, names in local.items()},
        )

    def of_username(self, username: str) -> Access:
        """Raises NotFoundError."""
        user_id = self.store.user_called(username)
        if user_id is None:
            raise NotFoundError("nobody has this username")
        return self.of(user_id)
