"""Passwords and the links to set them, as they go over the wire. What is secret comes in as a SecretStr, and never goes out
again but as a suggestion."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, SecretStr

from syncd.http.schemas import MAX_ID, Reason, Resource, Strict

# longer ones nobody has; what is above 128 characters is refused by the policy, with the reason
_LONGEST = 4096
Password = Annotated[SecretStr, Field(max_length=_LONGEST)]
# names and addresses of the person whose password it will be
About = Annotated[list[Annotated[str, Field(max_length=320)]], Field(max_length=20)]


# ---------------------------------------------------------------- in
class PasswordOwnerPath(Strict):
    """Whose password."""

    id: int = Field(ge=1, le=MAX_ID)
    """Id of a user."""


class SuggestionRequest(Strict):
    """For whom."""

    about: About = []
    """Username, addresses and names of the person, none of which the password will be."""


class PasswordCheck(Strict):
    """A password to be judged. It is neither kept nor logged."""

    password: Password
    about: About = []
    """Username, addresses and names of the person whose it will be. Left out: yours."""


class PasswordChange(Strict):
    """A change without a session."""

    username: str = Field(min_length=1, max_length=320, examples=["anna.schmidt"])
    """Username or primary email address, in any spelling."""
    current_password: Password
    new_password: Password


class OwnPasswordChange(Strict):
    """A change of one's own."""

    current_password: Password
    """The present one: a wrong one counts as a failed login."""
    new_password: Password


class UserPasswordRequest(Strict):
    """A password that an administrator gives."""

    password: Password
    reason: Reason | None = None
    """Why; goes into the audit trail."""


class ForgottenPassword(Strict):
    """Who has forgotten their password."""

    username: str = Field(min_length=1, max_length=320, examples=["anna.schmidt@example.com"])
    """Username or primary email address, in any spelling."""


class LinkRedemption(Strict):
    """A link from a mail, and the password to set."""

    token: SecretStr = Field(max_length=200)
    """What stands behind `token=` in the link."""
    new_password: Password


# ---------------------------------------------------------------- out
class PasswordPolicyResource(Resource):
    """What a local password must be."""

    min_length: int
    max_length: int
    """In characters, each of which counts as one."""
    lower: bool
    """Whether a lower-case letter is needed; so for the others."""
    upper: bool
    digit: bool
    special: bool
    min_strength: int
    """The least estimated strength, 0 (anything) to 4."""
    history: int
    """How many of the newest passwords cannot be used again."""
    hint: str
    """The same in words, to be shown where a password is typed."""


class SuggestedPassword(Resource):
    """A random password that satisfies the policy."""

    password: str


class PasswordEstimate(Resource):
    """What the policy says of a password, and how hard it is to guess."""

    acceptable: bool
    missing: list[str]
    """A sentence for each thing that is missing."""
    score: int
    """0: among the first to be tried; 4: very hard to guess."""
    guesses_log10: float
    """Decimal logarithm of the number of guesses it takes."""
    warning: str
    """What is wrong with it; empty for a strong one."""
    suggestions: list[str]


class ForgottenAnswer(Resource):
    """Always the same."""

    message: str


class PasswordLinkResource(Resource):
    """A link that was made. Its secret is only in the mail."""

    user_id: int
    expires_at: datetime
    mailed: bool
    """Whether a mail with it waits to be sent; not so without a mail server or an address."""
