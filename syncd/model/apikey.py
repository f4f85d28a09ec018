"""API keys as they are shown: everything but their secret, of which only a digest is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A person's key for one organization."""

    id: int
    user_id: int
    organization_id: int
    # the organization's name
    organization: str
    # what its owner calls it
    name: str
    created_at: datetime
    created_by: str
    # None: it does not expire
    expires_at: datetime | None
    # None: never; it may lag behind by a minute
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What a key is made of."""

    user_id: int
    organization_id: int
    name: str
    digest: bytes
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A key that has just been made."""

    key: ApiKey
    # the key it took the place of, which is useless now
    replaced: ApiKey | None
    # shown this once
    token: str

    def __repr__(self) -> str:
        return f"MadeKey({self.key!r})"
