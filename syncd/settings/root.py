"""The whole configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from syncd.settings.directory import DirectorySettings, Section


class StoreSettings(Section):
    """Where people, organizations and roles are kept."""

    url: str = "sqlite:////var/lib/syncd/syncd.db"
    """sqlite:////ABSOLUTE/PATH or postgresql://USER@HOST/DATABASE."""
    password: SecretStr | None = None
    """The database password, when it is not to stand in the URL."""
    pool_size: int = Field(default=5, ge=1, le=100)
    """PostgreSQL connections kept open."""


class HttpSettings(Section):
    """The management endpoint."""

    listen: str = "127.0.0.1:8080"
    """ADDRESS:PORT to listen on; [::1]:8080 for IPv6, port 0 for any free one."""
    operator_token: SecretStr | None = Field(default=None, min_length=16)
    """Bearer token for the operator's API (runs, resync), 16 characters or more. Left out: those routes answer 403."""


class LogSettings(Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is written."""
    format: Literal["auto", "json", "logfmt", "console"] = "auto"
    """`auto`: console on a terminal, logfmt elsewhere."""


class HistorySettings(Section):
    """How long the past is kept."""

    runs: str = "90d"
    """How long finished runs are kept."""


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
    custom_fields: dict[str, Literal["text", "integer", "boolean", "date", "datetime", "list"]] = {}
    """Further fields of a person: name = type."""
    directories: dict[str, DirectorySettings] = {}
    """The directories, each under a name of its own: lower case letters, digits, - and _."""


DEFAULT_CONFIG = Path("/etc/syncd/syncd.toml")
