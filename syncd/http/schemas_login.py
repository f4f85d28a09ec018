"""Logging in and sessions as they go over the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field, SecretStr

from syncd.http.schemas import MAX_ID, Resource, Strict

# longer ones nobody has; argon2 and a directory would have to look at all of it
_LONGEST_PASSWORD = 4096


# ---------------------------------------------------------------- in
class LoginRequest(Strict):
    """Who wants to log in."""

    username: str = Field(min_length=1, max_length=320, examples=["anna.schmidt"])
    """Username or primary email address, in any spelling."""
    password: SecretStr = Field(max_length=_LONGEST_PASSWORD)
    """Their password: the directory's for people of a directory."""


class SessionPath(Strict):
    """Which session."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a session of your own."""


class SessionOwnerPath(Strict):
    """Whose sessions."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""


# ---------------------------------------------------------------- out
class SessionUser(Resource):
    """Who has logged in."""

    id: int
    username: str | None


class LoginWarnings(Resource):
    """What whoever has logged in should know."""

    password_expires_in_days: int | None
    """So many days until the password expires; null when that is not soon, or nobody said."""
    grace_logins: int | None
    """The password has expired, and this many more logins are left to change it; null when it has not."""


class NewSessionResource(Resource):
    """A session that has begun."""

    id: int
    token: str
    """For `Authorization: Bearer TOKEN`. It is shown this once."""
    expires_at: datetime
    """When it ends at the latest; earlier when it is not used."""
    user: SessionUser
    warnings: LoginWarnings


class SessionResource(Resource):
    """A session, without its token."""

    id: int
    user_id: int
    created_at: datetime
    last_seen_at: datetime
    """When it was last used, to the minute."""
    expires_at: datetime
    address: str | None
    """Where it was begun from."""
    user_agent: str | None
    current: bool
    """Whether it is the one that asks."""


class SessionList(Resource):
    """The sessions of one user that are alive, newest first."""

    items: list[SessionResource]


class EndedSessionsResource(Resource):
    """What was ended."""

    ended: int
    """How many sessions there were."""
