"""Passwords that become too old: warned about by mail, then expired. Off unless `passwords.max_age` is set.

Whom to warn is looked at once a day, by housekeeping; whatever days it missed, each warning goes out once. What has expired is
looked for every few seconds, beside all else that time does to access.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from syncd.accounts.age import AgePolicy, days_left
from syncd.model.mail import MailKind, NewMail
from syncd.model.password import Aged, AgingPassword
from syncd.services.password_rules import age_policy
from syncd.services.passwords import time_text
from syncd.services.ports_people import Mailer
from syncd.settings.accounts import PasswordSettings

log = structlog.get_logger("syncd.passwords")

# how long a link that no longer works is kept, for whoever asks why it did not
LINKS_KEPT = timedelta(days=30)


class AgeStore(Protocol):
    """Where passwords are kept. Each method is one short transaction, but `aging`, which is many."""

    def aging(self, set_before: datetime, *, directory_users: bool) -> Iterator[AgingPassword]:
        """Present passwords of active people that were set before then; without those that directories keep."""

    def expire(self, user_ids: Sequence[int], *, set_before: datetime, at: datetime) -> Sequence[int]:
        """Those of them whose passwords have expired now: who still was active and had a password of then."""

    def warned(self, password: AgingPassword, days: int, *, at: datetime, mail: NewMail | None) -> bool:
        """Remember the warning and queue its mail, unless somebody has already; whether it was now."""

    def forget_links(self, expired_before: datetime) -> int:
        """Delete links that stopped working before then; how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordAgeService:
    """The daily look, and the one every few seconds at what has expired."""

    store: AgeStore
    mailer: Mailer
    settings: PasswordSettings

    def expire_and_warn(self, now: datetime) -> Aged:
        """Warn whoever is due, expire what is too old, forget old links. Blocks. Raises StoreError."""
        links = self.store.forget_links(now - LINKS_KEPT)
        policy = age_policy(self.settings)
        if policy is None:
            return Aged(links=links)
        expired = self.expire(now)
        looked_at = self.store.aging(policy.looked_at_before(now), directory_users=self.settings.directory_users)
        warned = sum(self._warn(password, policy, now) for password in looked_at)
        if warned:
            log.info("people warned of the age of their passwords", warned=warned)
        return Aged(expired=expired, warned=warned, links=links)

    def expire(self, now: datetime) -> int:
        """Expire what is too old, whenever it is asked; how many. Blocks. Raises StoreError."""
        policy = age_policy(self.settings)
        if policy is None:
            return 0
        end = now - policy.max_age
        old = [password.user_id for password in self.store.aging(end, directory_users=self.settings.directory_users)]
        expired = len(self.store.expire(old, set_before=end, at=now)) if old else 0
        if expired:
            log.info("passwords expired", expired=expired)
        return expired

    def _warn(self, password: AgingPassword, policy: AgePolicy, now: datetime) -> bool:
        days = policy.warning(password.set_at, now=now, warned=password.warned)
        if days is None or not password.enabled:
            return False
        end = policy.expires_at(password.set_at)
        mail = self.mailer.new(
            MailKind.PASSWORD_EXPIRING,
            user_id=password.user_id,
            to=password.email,
            name=password.name,
            username=password.username or "",
            days=days_left(end, now=now),
            expires=time_text(end),
        )
        return self.store.warned(password, days, at=now, mail=mail)
