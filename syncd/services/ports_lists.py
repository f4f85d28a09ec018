"""What exports, the audit trail and the login attempts need of the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from syncd.model.caller import Caller
from syncd.model.export import ExportJob, ExportRequest
from syncd.model.mail import NewMail
from syncd.model.trail import AttemptFilter, AuditFilter, LoginAttempt
from syncd.model.views import AuditEventView, PersonView


class PersonByID(Protocol):
    """Looks people up."""

    def user_by_id(self, user_id: int) -> PersonView:
        """Raises NotFoundError, StoreError."""


class ExportStore(Protocol):
    """Jobs of exports. Everything raises StoreError."""

    def create(self, request: ExportRequest, *, caller: Caller, at: datetime) -> ExportJob:
        """Queue one, with its audit event."""

    def get(self, export_id: int) -> ExportJob | None:
        """None: there is none."""

    def list(self, *, of: Caller | None, limit: int, before_id: int | None) -> Sequence[ExportJob]:
        """Newest first; those of one caller, or all."""

    def claim(self, *, at: datetime, until: datetime) -> ExportJob | None:
        """Take the oldest that nobody works on."""

    def renew(self, export_id: int, *, until: datetime) -> None:
        """Keep what was taken."""

    def release(self, export_id: int) -> None:
        """Give back what was taken."""

    def finish(self, export_id: int, *, rows: int, file: str, at: datetime, expires_at: datetime, mail: NewMail | None) -> None:
        """It can be fetched; the mail that says so is queued with it."""

    def fail(self, export_id: int, *, error: str, at: datetime) -> None:
        """It could not be written."""

    def expired(self, *, at: datetime, failed_before: datetime) -> Sequence[ExportJob]:
        """Whose time is over, and those that failed before."""

    def delete(self, ids: Sequence[int]) -> None:
        """Forget them."""


class TrailStore(Protocol):
    """Audit events and login attempts. Everything raises StoreError."""

    def audit(self, wanted: AuditFilter, *, limit: int, before_id: int | None) -> Sequence[AuditEventView]:
        """Newest first."""

    def attempts(self, wanted: AttemptFilter, *, limit: int, before_id: int | None) -> Sequence[LoginAttempt]:
        """Newest first."""

    def prune_audit(self, *, before: datetime) -> int:
        """Delete older events, and remember up to which number; how many."""

    def prune_attempts(self, *, before: datetime) -> int:
        """Delete older login attempts; how many."""
