"""Where somebody stands, with all that the login gate asks: at a login, and at each request of a session or a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from syncd.accounts.gate import login_reasons
from syncd.accounts.permissions import HeldRole
from syncd.model.account import NOTHING_SAID, AccountState
from syncd.model.caller import Caller
from syncd.model.mail import NewMail


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who somebody is in one directory."""

    directory: str
    entry_id: str
    dn: str
    # by a complete verdict
    missing: bool = False
    account: AccountState = NOTHING_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What `login_reasons` is asked with."""

    enabled: bool
    auth_status: str
    manual: bool
    organizations_enabled: int
    units: int
    entries: tuple[Entry, ...] = ()

    def reasons(self, now: datetime) -> tuple[str, ...]:
        """Why they cannot log in at that moment; none: they can."""
        return login_reasons(
            enabled=self.enabled,
            auth_status=self.auth_status,
            missing_in=[entry.directory for entry in self.entries if entry.missing],
            organizations_enabled=self.organizations_enabled,
            units=self.units,
            manual=self.manual,
            accounts=[(entry.directory, entry.account) for entry in self.entries if not entry.missing],
            now=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSubject:
    """Somebody who is named in a login form."""

    user_id: int
    username: str | None
    email: str | None
    # how they are greeted
    name: str
    break_glass: bool
    failed_logins: int
    locked_at: datetime | None
    gate: GateFacts
    # of their local password, and since when they have it
    hash: str | None = None
    hash_set_at: datetime | None = None
    # its row's number, which stays when the hash is renewed
    password_id: int | None = None

    def __repr__(self) -> str:
        return f"LoginSubject(user_id={self.user_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout:
    """What happens to somebody at the limit."""

    limit: int
    caller: Caller
    at: datetime
    # made only when it comes to that
    mail: Callable[[], NewMail | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """The row of a session or key, and its owner as they stand now."""

    digest: bytes
    user_id: int
    username: str
    # of a key; None: everywhere
    organization_id: int | None
    # a key's organization is enabled, and its owner has access to it; true of sessions
    usable: bool
    expires_at: datetime | None
    used_at: datetime | None
    gate: GateFacts
    roles: tuple[HeldRole, ...]
