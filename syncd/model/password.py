"""Whose password it is, and what a link to set one says."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordOwner:
    """What has to be known of a person before their password is looked at or changed."""

    id: int
    username: str | None
    email: str | None
    enabled: bool
    # active, locked, reset, expired
    auth_status: str
    # how they are greeted
    name: str
    # username, addresses and names: what the password must not be
    names: tuple[str, ...]
    # directories that have them; whose password it is then, unless the site says otherwise
    directories: tuple[str, ...] = ()
    # made by hand
    manual: bool = True
    break_glass: bool = False
    # of the newest password; None for somebody without one
    hash: str | None = None


class LinkPurpose(enum.StrEnum):
    """What a link was made for."""

    INVITATION = "invitation"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """A link as it is kept."""

    id: int
    user_id: int
    purpose: LinkPurpose
    # of its secret; None while nobody has mailed it
    digest: bytes | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    def works(self, now: datetime) -> bool:
        return self.digest is not None and self.used_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """A link to be made."""

    purpose: LinkPurpose
    expires_at: datetime
    # of its secret, where it is shown at once and not mailed
    digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkGiven:
    """What came of asking for a link."""

    user_id: int
    expires_at: datetime
    # whether a mail with it waits to be sent
    mailed: bool
    # the link's token, where it was asked for: shown once
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgingPassword:
    """A password that is old enough to be looked at."""

    user_id: int
    username: str | None
    email: str | None
    name: str
    enabled: bool
    set_at: datetime
    # the last warning, by its number of days
    warned: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """What a look at the age of all passwords came to."""

    expired: int = 0
    warned: int = 0
    # links that no longer work and were forgotten
    links: int = 0
