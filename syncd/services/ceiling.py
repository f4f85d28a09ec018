"""`Ceiling` of ports_people: nobody raises themselves, or acts on somebody who may do more than they may."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from syncd.accounts.permissions import ALL, HeldRole, PermissionPolicy, Powers
from syncd.errors import AboveCallerError, NoSuchReferenceError
from syncd.model.caller import Caller
from syncd.services.ports_structure import PermissionStore

# of what is missing, named in an error
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingService:
    """Compares what a caller may do with what is given, taken or touched."""

    policy: PermissionPolicy
    store: PermissionStore

    def powers(self, caller: Caller) -> Powers:
        """What the caller may do now. What holds in one organization only is asked of the store: a caller does not carry it."""
        if caller.everything:
            return ALL
        if caller.user_id is None:
            return Powers(permissions=caller.permissions)
        stored = self.policy.of_roles(self.store.roles_of_user(caller.user_id))
        if caller.organization_id is not None:
            stored = stored.within(caller.organization_id)
        return Powers(permissions=caller.permissions, local=stored.local)

    def require_roles(self, role_ids: Collection[int], *, caller: Caller) -> None:
        """Raises AboveCallerError, NoSuchReferenceError."""
        roles = self.store.roles_by_id(role_ids)
        for role_id in role_ids:
            if role_id not in roles:
                raise NoSuchReferenceError(f"there is no role {role_id}")
        require(self.powers(caller), self.policy.of_roles(roles.values()), to="give or take these roles")

    def require_user(self, user_id: int, *, caller: Caller) -> None:
        """Raises AboveCallerError."""
        if not caller.everything:
            theirs = self.policy.of_roles(self.store.roles_of_user(user_id))
            require(self.powers(caller), theirs, to=f"act on user {user_id}")

    def require_each(self, roles: Iterable[HeldRole], powers: Powers, *, to: str) -> None:
        """That powers found before cover each of the roles. Raises AboveCallerError. Asks no store."""
        require(powers, self.policy.of_roles(roles), to=to)


def require(powers: Powers, wanted: Powers, *, to: str) -> None:
    """Raises AboveCallerError, with what is missing."""
    missing = powers.beyond(wanted)
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise AboveCallerError(f"to {to}, the caller must hold {', '.join(missing[:_SHOWN])}{more} themselves")
