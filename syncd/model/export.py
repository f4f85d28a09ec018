"""Exports of people as jobs."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

# the columns of a CSV export, in this order; the custom fields come after them
CSV_COLUMNS = (
    "id", "username", "prefix", "first_name", "middle_name", "last_name", "suffix", "display_name", "title", "phone",
    "birthday", "email", "emails", "tags", "enabled", "auth_status", "manual", "can_log_in", "reasons", "organizations",
    "units", "roles", "directories", "dns", "created_at", "updated_at",
)  # fmt: skip
# what is exported only where it is asked for
FURTHER_FIELDS = ("last_login_at", "login_count", "failed_logins")


class ExportFormat(enum.StrEnum):
    """How people are written."""

    JSONL = "jsonl"
    CSV = "csv"


class ExportState(enum.StrEnum):
    """How far an export has come."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is to be exported. The texts are those of a list: they were understood when the export was asked for."""

    format: ExportFormat
    filter: str = ""
    search: str = ""
    view: str = "all"
    # none: those of the configuration
    fields: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """An export that somebody asked for."""

    id: int
    state: ExportState
    request: ExportRequest
    # whom it is for; None: somebody who is not in the store, by name
    user_id: int | None
    created_by: str
    created_at: datetime
    finished_at: datetime | None
    # when its file is deleted
    expires_at: datetime | None
    rows: int | None
    # name of the file in the folder of exports
    file: str | None
    error: str | None
