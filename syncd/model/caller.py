"""Who asks for something."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.model.permission import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who acts: a person with a session or a key, the operator's token, or the account of the command line."""

    # the actor of audit events
    name: str
    # None: nobody of the store
    user_id: int | None = None
    # administrators, the operator's token, the command line
    everything: bool = False
    permissions: frozenset[str] = frozenset()
    request_id: str | None = None
    session_id: int | None = None
    key_id: int | None = None
    # what an API key is for; None: everywhere
    organization_id: int | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this caller may do it. `self` needs a person."""
        if permission is Permission.PUBLIC:
            return True
        if permission is Permission.SELF:
            return self.user_id is not None
        return self.everything or permission.value in self.permissions


# what syncd does by itself: expiry of passwords, what time alone changes
ITSELF = Caller(name="syncd", everything=True)
