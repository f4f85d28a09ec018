"""Users as they go out over the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from syncd.http.schemas import Resource
from syncd.http.schemas_profile import Profile


class NamedItem(Resource):
    """A thing with a name."""

    id: int
    name: str


class UserRole(Resource):
    """A role of a user."""

    id: int
    name: str
    organization_id: int | None
    """Of which organization it is; null for a system-wide role."""
    organization: str | None
    sources: list[str]
    """Who gave it: names of directories, and `manual`."""


class UserAccess(Resource):
    """Access of a user, from one source."""

    organization_id: int
    organization: str
    organization_enabled: bool
    unit_id: int | None
    unit: str | None
    """Path of names."""
    source: str
    """Who gave it: a directory, or `manual`."""


class UserAccount(Resource):
    """What a directory says of an account; null is "does not say"."""

    disabled: bool | None
    locked_until: datetime | None
    valid_from: datetime | None
    expires_at: datetime | None
    password_must_change: bool | None
    password_expires_at: datetime | None


class UserEntry(Resource):
    """Who a user is in one directory."""

    name: str
    """The directory."""
    entry_id: str
    dn: str
    """The Distinguished Name; the last known one of an entry that is gone."""
    missing_since: datetime | None
    missing_reason: str | None
    first_seen_at: datetime
    role_identifiers: list[str]
    account: UserAccount


class UserDn(Resource):
    """A DN that a user has or had."""

    directory: str
    dn: str
    since: datetime
    until: datetime | None
    """null: still."""


class UserResource(Profile):
    """A user, with everything that may be shown."""

    username_released: bool
    """The username was given up, and may be somebody else's by now."""
    email_released: bool
    manual: bool
    """Made by hand: no run writes it."""
    enabled: bool
    """The administrators' switch."""
    auth_status: Literal["active", "locked", "reset", "expired"]
    """The authentication status."""
    can_log_in: bool
    """What comes of all states together."""
    reasons: list[str]
    """Why they cannot log in."""
    locked_at: datetime | None
    failed_logins: int
    last_login_at: datetime | None
    login_count: int
    password_set_at: datetime | None
    """When the local password was set; null: there is none."""
    owner_unit: NamedItem | None
    roles: list[UserRole]
    access: list[UserAccess]
    groups: list[NamedItem]
    directories: list[UserEntry]
    dn_history: list[UserDn]
    managed: dict[str, str]
    """Field -> the directory that decides it; such a field is read-only."""
    avatar: str | None
    """Address of the picture."""
    sessions: int
    api_keys: int
    records: dict[str, int]
    """Records of other systems that the user owns, by system."""
    created_at: datetime
    updated_at: datetime
    version: int
    """One more with every change: the ETag."""
