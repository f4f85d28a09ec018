"""The whole configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator

from syncd.model.records import PERSON_FIELDS
from syncd.redaction import redact_url
from syncd.settings.accounts import (
    ExportSettings,
    KeySettings,
    LoginSettings,
    MailSettings,
    PasswordSettings,
    WebhookSettings,
)
from syncd.settings.checked import CustomFieldName, DirectoryName, Duration, Listen, Network, RoleName, StoreUrl
from syncd.settings.directory import DirectorySettings, Section


class StoreSettings(Section):
    """Where people, organizations and roles are kept."""

    url: StoreUrl = "sqlite:////var/lib/syncd/syncd.db"
    """sqlite:////ABSOLUTE/PATH or postgresql://USER@HOST/DATABASE."""
    password: SecretStr | None = Field(default=None, examples=["secret"])
    """The database password, when it is not to stand in the URL."""
    pool_size: int = Field(default=5, ge=1, le=100)
    """PostgreSQL connections kept open."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Without the password that may stand in the URL."""
        return ((name, redact_url(value) if name == "url" else value) for name, value in super().__repr_args__())


class HttpSettings(Section):
    """The management endpoint."""

    listen: Listen = "127.0.0.1:8080"
    """ADDRESS:PORT to listen on; [::1]:8080 for IPv6, port 0 for any free one."""
    operator_token: SecretStr | None = Field(default=None, min_length=16, examples=["0123456789abcdef"])
    """Bearer token that may do everything, 16 characters or more. Left out: only people with a session or a key are let in."""
    trusted_proxies: list[Network] = Field(default=[], examples=[["127.0.0.1"]])
    """Addresses or networks of proxies whose X-Forwarded-For says where a request comes from."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is written."""
    format: Literal["auto", "json", "logfmt", "console"] = "auto"
    """`auto`: console on a terminal, logfmt elsewhere."""


class HistorySettings(Section):
    """How long the past is kept."""

    runs: Duration = "90d"
    """How long finished runs are kept."""
    audit: Duration = "730d"
    """How long audit events are kept; events for other systems with them."""
    login_attempts: Duration = "90d"
    """How long login attempts are kept."""
    mail: Duration = "30d"
    """How long the record of a mail is kept after it was sent or given up."""


class RootSettings(Section):
    """Settings of syncd."""

    store: StoreSettings = StoreSettings()
    """Where people, organizations and roles are kept."""
    http: HttpSettings = HttpSettings()
    """The management endpoint."""
    log: LogSettings = LogSettings()
    """What is logged, and how."""
    history: HistorySettings = HistorySettings()
    """How long the past is kept."""
    login: LoginSettings = LoginSettings()
    """Logging in, and being locked out."""
    passwords: PasswordSettings = PasswordSettings()
    """Local passwords; those of directory users are the directory's."""
    api_keys: KeySettings = KeySettings()
    """API keys of people."""
    mail: MailSettings = MailSettings()
    """Mail to people. Without a host none is sent."""
    export: ExportSettings = ExportSettings()
    """Exports of people."""
    webhooks: dict[DirectoryName, WebhookSettings] = {}
    """Receivers of events, each under a name of its own."""
    custom_fields: dict[CustomFieldName, Literal["text", "integer", "boolean", "date", "datetime", "list"]] = Field(
        default={}, examples=[{"employee_number": "text"}]
    )
    """Further fields of a person: name = type."""
    administrator_roles: list[RoleName] = ["administrator"]
    """Roles of the store that make somebody an administrator. No run disables the last person who has one, or takes it away."""
    operator_roles: list[RoleName] = ["operator"]
    """Roles of the store whose holders see the status, ask for runs and decide about held plans."""
    auditor_roles: list[RoleName] = ["auditor"]
    """Roles of the store whose holders may read everything and change nothing."""
    max_avatar: int = Field(default=262_144, ge=1024, le=10_485_760)
    """Bytes that the picture of a person may have."""
    directories: dict[DirectoryName, DirectorySettings] = {}
    """The directories, each under a name of its own: lower case letters, digits, - and _."""

    @field_validator("custom_fields")
    @classmethod
    def _not_built_in(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name in (*PERSON_FIELDS, "organization", "unit"):
                raise ValueError(f"{name!r} is a field that every person has; choose another name")
        return value


DEFAULT_CONFIG = Path("/etc/syncd/syncd.toml")
