"""From a token to whoever carries it. Nothing is remembered: what was taken from them a moment ago is gone at this request."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from syncd.accounts.permissions import PermissionPolicy
from syncd.accounts.standing import Credential
from syncd.accounts.tokens import Token, TokenKind, digest
from syncd.clock import Clock
from syncd.errors import StoreError
from syncd.model.caller import Caller
from syncd.services.ports_login import CallerStore
from syncd.settings.accounts import LoginSettings
from syncd.settings.duration import parse_duration

log = structlog.get_logger("syncd.login")

# when something was last used is written no more often
SEEN_EVERY = timedelta(minutes=1)
# of a session, so many times at least in `login.session_idle`: what is not written does not keep it alive
_SEEN_TIMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerService:
    """Sessions and API keys of people as callers."""

    store: CallerStore
    policy: PermissionPolicy
    settings: LoginSettings
    clock: Clock

    def resolve(self, token: Token, *, request_id: str | None) -> Caller | None:
        """Whose it is; None when it is nobody's, is over, or its owner cannot log in now. Raises StoreError."""
        if token.kind not in (TokenKind.SESSION, TokenKind.KEY):
            return None
        now = self.clock.now()
        found = self.store.credential(token.kind, token.id)
        # compared whoever it is, so that time does not tell which numbers exist
        known = hmac.compare_digest(digest(token.secret), found.digest if found else b"\0" * 32)
        if found is None or not known or not self._alive(token.kind, found, now=now):
            return None
        if found.gate.reasons(now):
            return None
        self._seen(token, found, now=now)
        return self._caller(token, found, request_id=request_id)

    def _alive(self, kind: TokenKind, found: Credential, *, now: datetime) -> bool:
        if not found.usable or (found.expires_at is not None and now >= found.expires_at):
            return False
        return kind is TokenKind.KEY or (found.used_at is not None and now < found.used_at + self._idle)

    @property
    def _idle(self) -> timedelta:
        return parse_duration(self.settings.session_idle)

    def _seen(self, token: Token, found: Credential, *, now: datetime) -> None:
        every = SEEN_EVERY if token.kind is TokenKind.KEY else min(SEEN_EVERY, self._idle / _SEEN_TIMES)
        if found.used_at is not None and now - found.used_at < every:
            return
        try:
            self.store.seen(token.kind, token.id, at=now)
        except StoreError as error:
            log.warning("last use not kept", code=error.code, reason=error.message)

    def _caller(self, token: Token, found: Credential, *, request_id: str | None) -> Caller:
        # what holds in one organization only is asked of the store where it matters (syncd.services.ceiling)
        powers = self.policy.of_roles(found.roles)
        return Caller(
            name=found.username,
            user_id=found.user_id,
            everything=powers.everything,
            permissions=powers.permissions,
            request_id=request_id,
            session_id=token.id if token.kind is TokenKind.SESSION else None,
            key_id=token.id if token.kind is TokenKind.KEY else None,
            organization_id=found.organization_id,
        )
