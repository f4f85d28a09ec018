"""API keys: what programs log in with in place of a person.

A person has at most one for each organization, so making a key is also the way to change one: the old is useless from then on.
A key is worth what its owner is worth at that moment, which is looked at with each request: so nothing needs to be done to keys
when somebody is disabled, locked or reset.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from syncd.accounts.tokens import TokenKind, digest, new_secret, token_text
from syncd.clock import Clock
from syncd.errors import ForbiddenError, UnfitValueError, UsageError
from syncd.model.apikey import ApiKey, MadeKey, NewKey
from syncd.model.caller import Caller
from syncd.services.ports_people import Ceiling
from syncd.services.reasons import checked_reason

NAME_MAX = 100


class KeyStore(Protocol):
    """Keys as rows."""

    def list(self, user_id: int) -> Sequence[ApiKey]:
        """By organization. Raises NotFoundError for a user that does not exist."""

    def create(self, new: NewKey, *, caller: Caller, at: datetime) -> tuple[ApiKey, ApiKey | None]:
        """The key, and the one of the same user and organization that it replaces.

        Raises NotFoundError, and StateError when the user has no access to that organization or it is not enabled.
        """

    def revoke(self, user_id: int, key_id: int, *, caller: Caller, reason: str | None, at: datetime) -> ApiKey:
        """Raises NotFoundError for a key that this user does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyService:
    """The use cases. One's own keys need no permission and no reason; those of others need both."""

    store: KeyStore
    ceiling: Ceiling
    clock: Clock
    # the longest a key may live; None: for ever
    max_lifetime: timedelta | None = None

    def list(self, user_id: int) -> Sequence[ApiKey]:
        """Raises NotFoundError."""
        return self.store.list(user_id)

    def create(
        self, user_id: int, *, organization_id: int, name: str = "", expires_at: datetime | None = None, caller: Caller
    ) -> MadeKey:
        """A new key, in place of the one that the user has for that organization. Raises SyncdError."""
        self._require_reach(user_id, caller)
        if caller.key_id is not None:
            raise ForbiddenError("An API key makes no other keys.", advice="Log in, and make it with the session's token.")
        if len(name) > NAME_MAX or any(unicodedata.category(character) == "Cc" for character in name):
            raise UsageError(f"a key's name has {NAME_MAX} characters at most, and no control characters")
        at, secret = self.clock.now(), new_secret()
        new = NewKey(
            user_id=user_id,
            organization_id=organization_id,
            name=name.strip(),
            digest=digest(secret),
            expires_at=self._end(expires_at, at),
        )
        key, replaced = self.store.create(new, caller=caller, at=at)
        return MadeKey(key=key, replaced=replaced, token=token_text(TokenKind.KEY, key.id, secret))

    def revoke(self, user_id: int, key_id: int, *, caller: Caller, reason: str | None = None) -> ApiKey:
        """Make a key useless for good. Raises SyncdError."""
        text = checked_reason(reason, needed=caller.user_id != user_id)
        self._require_reach(user_id, caller)
        return self.store.revoke(user_id, key_id, caller=caller, reason=text, at=self.clock.now())

    def _require_reach(self, user_id: int, caller: Caller) -> None:
        # somebody's key can do what they can, so whoever makes one must be able to do that as well
        if caller.user_id != user_id:
            self.ceiling.require_user(user_id, caller=caller)

    def _end(self, wanted: datetime | None, at: datetime) -> datetime | None:
        latest = None if self.max_lifetime is None else at + self.max_lifetime
        if wanted is None:
            return latest
        if wanted.tzinfo is None:
            raise UnfitValueError("the end of a key needs a time zone")
        if wanted <= at:
            raise UnfitValueError("the end of a key lies in the future")
        if latest is not None and wanted > latest:
            raise UnfitValueError(
                f"a key that is made now ends by {latest:%Y-%m-%d %H:%M} UTC",
                advice="`api_keys.max_lifetime` says so; leave the end out for the latest one.",
            )
        return wanted
