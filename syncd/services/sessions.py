"""Sessions: whose are alive, and ending them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncd.clock import Clock
from syncd.model.caller import Caller
from syncd.model.login import Session
from syncd.services.ports_login import SessionStore
from syncd.services.ports_people import Ceiling
from syncd.services.reasons import reason_text
from syncd.settings.accounts import LoginSettings
from syncd.settings.duration import parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionService:
    """The use cases."""

    store: SessionStore
    ceiling: Ceiling
    settings: LoginSettings
    clock: Clock

    def list(self, user_id: int) -> Sequence[Session]:
        """Those that are alive, newest first. Raises NotFoundError."""
        now = self.clock.now()
        return self.store.list(user_id, seen_since=now - parse_duration(self.settings.session_idle), now=now)

    def end(self, user_id: int, session_id: int, *, caller: Caller, reason: str = "logged out") -> None:
        """End one. Raises NotFoundError, AboveCallerError, UsageError."""
        text = self._checked(user_id, caller, reason)
        self.store.end(user_id, session_id, caller=caller, at=self.clock.now(), reason=text)

    def end_all(self, user_id: int, *, caller: Caller, reason: str) -> int:
        """End all of one user; how many. Raises NotFoundError, AboveCallerError, UsageError."""
        text = self._checked(user_id, caller, reason)
        return self.store.end_all(user_id, caller=caller, at=self.clock.now(), reason=text)

    def prune(self) -> int:
        """Delete those that are over; how many."""
        now = self.clock.now()
        return self.store.prune(seen_before=now - parse_duration(self.settings.session_idle), expired_before=now)

    def _checked(self, user_id: int, caller: Caller, reason: str) -> str:
        """The reason. Whoever may do less than somebody cannot throw them out."""
        text = reason_text(reason)
        if caller.user_id != user_id:
            self.ceiling.require_user(user_id, caller=caller)
        return text
