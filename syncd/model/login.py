"""What comes of a try to log in, as values: a directory's answer, and what a person is given."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class LoginResult(enum.StrEnum):
    """How a try to log in was answered, for the metrics."""

    GRANTED = "granted"
    # whatever the reason: the login attempts have it
    REFUSED = "refused"
    # the password was right and has expired
    EXPIRED = "expired"
    # nobody could say, because of a directory, the database, or too many at once
    UNAVAILABLE = "unavailable"
    # not looked at: more tries than `login.per_address` and `login.per_name` allow
    LIMITED = "limited"


class Answer(enum.StrEnum):
    """What a directory says of a name and a password."""

    ACCEPTED = "accepted"
    # the password is wrong, or there is nothing to compare it with
    WRONG = "wrong"
    # for a reason beside the password; whether that was right is in `password_right`
    REFUSED = "refused"
    # nobody could say: nothing is known of the password, and nothing counts
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindResult:
    """A directory's answer to a bind, with what it said beside it (draft-behera-ldap-password-policy, and vendors' own)."""

    answer: Answer
    # stable code of a refusal: "directory_locked", "password_expired"; "" for the other answers
    reason: str = ""
    # a refusal that is only given to whoever knows the password
    password_right: bool = False
    # seconds until the password expires, and logins left after it has; None: not said
    expires_in: int | None = None
    grace_logins: int | None = None
    # for the log; never holds the password
    detail: str = ""


# outcomes of login attempts beside the reasons of the login gate (syncd.accounts.gate) and of directories (`BindResult.reason`)
ACCEPTED = "accepted"
UNKNOWN_NAME = "unknown_name"
WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a code
EMPTY_PASSWORD = "empty_password"  # noqa: S105
NO_PASSWORD = "no_password"  # noqa: S105
LOCKED = "locked"
UNAVAILABLE = "unavailable"
PASSWORD_EXPIRED = "password_expired"  # noqa: S105
PASSWORD_MUST_CHANGE = "password_must_change"  # noqa: S105
# only of tries to change a password: a directory keeps it
DIRECTORY_PASSWORD = "directory_password"  # noqa: S105
# before the code, of tries to change a password with a present one, which count like logins
CHANGE = "change_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a request came from."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A try to log in, or one to change a password with a present one that was refused, as it is kept."""

    at: datetime
    # as it was typed, cut to a length
    name: str
    user_id: int | None
    # "accepted", or the code of the refusal
    outcome: str
    # that checked the password
    directory: str | None = None
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session, without its secret."""

    id: int
    user_id: int
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """What is stored of a session to be."""

    user_id: int
    digest: bytes
    created_at: datetime
    expires_at: datetime
    origin: Origin
    # the local password that was right, which must still be the present one; None: a directory's was
    password_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """What whoever logged in is given. The token is shown this once."""

    token: str
    session: Session
    username: str | None
    # days until the password expires; None: not soon, or never
    password_expires_in_days: int | None = None
    grace_logins: int | None = None

    def __repr__(self) -> str:
        return f"LoggedIn(session={self.session!r})"
