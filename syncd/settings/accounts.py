"""Settings of what people do themselves: logging in, passwords, keys, mail, exports; and of who is told about changes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from syncd.settings.checked import Duration, EventType, Period, PublicUrl, SenderText, WebUrl
from syncd.settings.directory import Section


class LoginSettings(Section):
    """Logging in, and being locked out."""

    max_failures: int = Field(default=10, ge=1, le=1000)
    """Failed logins after which an account is locked, until an administrator activates it."""
    lock_duration: Period | None = Field(default=None, examples=["30m"])
    """After how long a lock ends by itself, at the next try. Left out: only when an administrator activates the account."""
    per_name: int = Field(default=10, ge=1, le=10_000)
    """Tries a minute under one name; more are answered with 429."""
    per_address: int = Field(default=60, ge=1, le=100_000)
    """Tries a minute from one address."""
    refusal_time: Duration = "1s"
    """A refused login is answered at the next whole multiple of this, whatever the reason, so that time tells nothing."""
    bind_timeout: Period = "5s"
    """How long a directory may take to check a password before the answer is "try again"."""
    binds_at_once: int = Field(default=10, ge=1, le=200)
    """Passwords that are checked in one directory at the same time."""
    session_lifetime: Period = "12h"
    """How long a session lasts at most."""
    session_idle: Period = "1h"
    """How long a session lasts without being used."""


class PasswordSettings(Section):
    """Local passwords; those of directory users are the directory's."""

    min_length: int = Field(default=8, ge=1, le=128)
    """The fewest characters."""
    lower: bool = True
    """Whether a lower-case letter is needed."""
    upper: bool = True
    """Whether an upper-case letter is needed."""
    digit: bool = True
    """Whether a digit is needed."""
    special: bool = False
    """Whether a character that is neither letter nor digit is needed."""
    min_strength: int = Field(default=0, ge=0, le=4)
    """The least estimated strength (zxcvbn), from 0 (anything) to 4 (very hard to guess)."""
    history: int = Field(default=0, ge=0, le=100)
    """How many of the newest passwords, the present one among them, cannot be used again; 0: not looked at."""
    max_age: Period | None = Field(default=None, examples=["30d"])
    """After how long a password expires. Left out: never."""
    warn_days: list[int] = [7, 3, 1]
    """How many days before that a mail is sent."""
    reset_lifetime: Period = "24h"
    """How long a link to set a new password works."""
    invitation_lifetime: Period = "7d"
    """How long an invitation works."""
    directory_users: bool = False
    """Whether directory users may have a local password, which is then what they log in with."""
    argon2_time_cost: int = Field(default=3, ge=1, le=20)
    """Passes of argon2id over its memory."""
    argon2_memory: int = Field(default=65_536, ge=8, le=4_194_304)
    """KiB of memory that checking one password takes."""
    argon2_parallelism: int = Field(default=4, ge=1, le=64)
    """Lanes of argon2id."""


class KeySettings(Section):
    """API keys of people."""

    max_lifetime: Period | None = Field(default=None, examples=["365d"])
    """The longest a key may live. Left out: keys need not expire."""


class MailSettings(Section):
    """Mail to people. Without a host none is sent."""

    host: str | None = Field(default=None, examples=["smtp.example.com"])
    """The mail server."""
    port: int = Field(default=587, ge=1, le=65_535)
    """Its port: 587 for submission, 465 for tls, 25 between servers."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; certificates are verified."""
    ca_file: str | None = Field(default=None, examples=["/etc/syncd/ca.pem"])
    """Certificates to trust instead of the system's."""
    username: str | None = Field(default=None, examples=["syncd"])
    """Account at the mail server."""
    password: SecretStr | None = Field(default=None, examples=["secret"])
    """Its password."""
    sender: SenderText = "syncd@localhost"
    """Address in From, or NAME <ADDRESS>."""
    site: str = Field(default="", examples=["Example Corp"])
    """What mails call this place. Empty: the host of public_url."""
    public_url: PublicUrl = "http://127.0.0.1:8080"
    """Where people reach syncd: links in mails begin with it."""
    templates: str | None = Field(default=None, examples=["/etc/syncd/mail"])
    """Folder with the site's own templates; those it lacks are the built-in ones."""
    timeout: Period = "20s"
    """How long the mail server may take."""
    give_up: Duration = "3d"
    """How long a mail that cannot be sent is tried again."""


class ExportSettings(Section):
    """Exports of people."""

    fields: list[str] = Field(default=[], examples=[["username", "email", "roles"]])
    """Columns of a CSV export, in this order. Empty: all, and every custom field."""
    folder: str | None = Field(default=None, examples=["/var/lib/syncd/exports"])
    """Where finished exports are kept. Left out: `exports` beside an SQLite database, else under /var/lib/syncd."""
    kept: Period = "7d"
    """How long a finished export can be fetched."""


class WebhookSettings(Section):
    """One receiver of events."""

    url: WebUrl | None = Field(default=None, examples=["https://hr.example.com/syncd"])
    """Where events are sent to: https, or http to this machine. Left out: nothing is sent."""
    plain_http: bool = False
    """Whether http to another machine is allowed; anybody on the way can then read who people are."""
    ca_file: str | None = Field(default=None, examples=["/etc/syncd/ca.pem"])
    """Certificates to trust instead of the system's."""
    secret: SecretStr | None = Field(default=None, min_length=16, examples=["0123456789abcdef"])
    """What the signature is made with, 16 characters or more; needed with url. After "whsec_" it is base64."""
    types: list[EventType] = Field(default=[], examples=[["access.revoked", "user.*"]])
    """Types of events to send, such as "access.revoked" or "user.*". Empty: all."""
    timeout: Period = "10s"
    """How long the receiver may take."""
    max_delay: Period = "1h"
    """The longest pause between two tries of a delivery that fails."""
