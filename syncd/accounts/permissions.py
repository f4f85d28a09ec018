"""What roles allow, and who may give which of it to whom.

A role holds permission names. Ours (syncd.model.permission) open syncd's own routes; free ones are for the systems that read
the store and mean nothing here. Permissions of several roles add up, and no role ever takes one away. A role of one
organization may hold free names only, which count in that organization: our own names count everywhere, so they come from
system-wide roles.

What the configured administrator, operator and auditor roles mean is built in, so that a site can begin with nothing but a
name. Nobody can give, take or edit what they do not hold themselves, so that no sequence of allowed calls raises anybody above
those who made them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from syncd.model.permission import AUDITOR, OPERATOR, OURS
from syncd.model.text import fold

# a free name, as a JSON schema says it: parts between colons, of lower-case letters and digits with single . _ - inside
PERMISSION_PATTERN = r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*(:[a-z0-9]+([._-][a-z0-9]+)*)*$"
PERMISSION_MAX = 100
_NAME = re.compile(PERMISSION_PATTERN)
# what our own names begin with: no free name may, so that a misspelt one of ours is never taken for a free one
OUR_SUBJECTS = frozenset(name.partition(":")[0] for name in OURS) | {"public", "self"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRole:
    """A role, as far as permissions go."""

    name: str
    # None: system-wide
    organization_id: int | None = None
    # as stored, without what the configuration adds
    permissions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Powers:
    """What somebody may do, or what a role gives."""

    # administrators: whatever there is, and whatever there will be
    everything: bool = False
    # ours, and free ones of system-wide roles
    permissions: frozenset[str] = frozenset()
    # (organization, free name): of roles of one organization
    local: frozenset[tuple[int, str]] = frozenset()

    def __or__(self, other: Powers) -> Powers:
        return Powers(
            everything=self.everything or other.everything,
            permissions=self.permissions | other.permissions,
            local=self.local | other.local,
        )

    def beyond(self, other: Powers) -> tuple[str, ...]:
        """What of the other's these powers have not, in words and in order; empty when they cover it."""
        if self.everything:
            return ()
        lacking = set(other.permissions - self.permissions)
        lacking |= {name for number, name in other.local - self.local if name not in self.permissions}
        return ("everything",) if other.everything else tuple(sorted(lacking))

    def covers(self, other: Powers) -> bool:
        """Whether whoever has these may give, take or act on the other."""
        return not self.beyond(other)

    def within(self, organization_id: int) -> Powers:
        """Of what is local, only that of one organization: what a key for it can do."""
        local = frozenset(pair for pair in self.local if pair[0] == organization_id)
        return Powers(everything=self.everything, permissions=self.permissions, local=local)


ALL = Powers(everything=True)


@dataclass(frozen=True, slots=True)
class PermissionPolicy:
    """What roles mean by their names. Make one by `policy`."""

    # folded names
    administrators: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    auditors: frozenset[str] = frozenset()

    def of_role(self, role: HeldRole) -> Powers:
        """What one role gives."""
        if role.organization_id is not None:
            return Powers(local=frozenset((role.organization_id, name) for name in role.permissions - OURS))
        key = fold(role.name)
        given = role.permissions
        if key in self.operators:
            given |= _names(OPERATOR)
        if key in self.auditors:
            given |= _names(AUDITOR)
        return Powers(everything=key in self.administrators, permissions=given)

    def of_roles(self, roles: Iterable[HeldRole]) -> Powers:
        """What several roles give together."""
        together = Powers()
        for role in roles:
            together |= self.of_role(role)
        return together


def policy(
    *, administrator_roles: Iterable[str] = (), operator_roles: Iterable[str] = (), auditor_roles: Iterable[str] = ()
) -> PermissionPolicy:
    """The policy of these names of roles, in any spelling."""
    return PermissionPolicy(*(frozenset(map(fold, names)) for names in (administrator_roles, operator_roles, auditor_roles)))


def wrong_permission(name: str, *, organization_id: int | None) -> str | None:
    """Why a role may not hold this name, in one sentence; None when it may. `organization_id`: whose role it is."""
    if name in OURS:
        if organization_id is None:
            return None
        return f"{name} is one of syncd's own permissions, which count everywhere: only a system-wide role can hold it"
    if len(name) > PERMISSION_MAX or not _NAME.fullmatch(name):
        return f"{name[:PERMISSION_MAX]!r} is not a permission name: lower-case words joined by `.`, `_`, `-` or `:`"
    if name.partition(":")[0] in OUR_SUBJECTS:
        return f"{name} looks like one of syncd's own permissions and is none; names for other systems begin with another word"
    return None


def _names(permissions: Iterable[str]) -> frozenset[str]:
    return frozenset(str(permission) for permission in permissions)
