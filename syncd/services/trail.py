"""What was changed and who logged in, to look at, to export, and to forget in time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from typing import Any

from syncd.clock import Clock
from syncd.model.export import ExportFormat
from syncd.model.trail import AttemptFilter, AuditFilter, LoginAttempt
from syncd.model.views import AuditEventView
from syncd.services.export import plain_value, text_cell
from syncd.services.ports_lists import TrailStore

STEP = 1000
AUDIT_FIELDS = tuple(field.name for field in fields(AuditEventView))
ATTEMPT_FIELDS = tuple(field.name for field in fields(LoginAttempt))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailService:
    """The use cases."""

    store: TrailStore
    clock: Clock
    audit_kept: timedelta
    attempts_kept: timedelta

    def audit(self, wanted: AuditFilter, *, limit: int = 50, before_id: int | None = None) -> Sequence[AuditEventView]:
        """Newest first. Raises StoreError."""
        return self.store.audit(wanted, limit=limit, before_id=before_id)

    def attempts(self, wanted: AttemptFilter, *, limit: int = 50, before_id: int | None = None) -> Sequence[LoginAttempt]:
        """Newest first. Raises StoreError."""
        return self.store.attempts(wanted, limit=limit, before_id=before_id)

    def piece(
        self, wanted: AuditFilter | AttemptFilter, form: ExportFormat, *, before_id: int | None
    ) -> tuple[bytes, int | None]:
        """The next part of an export, newest first, and before which number to go on; None: it was the last."""
        rows: Sequence[AuditEventView | LoginAttempt]
        if isinstance(wanted, AuditFilter):
            rows, names = self.store.audit(wanted, limit=STEP, before_id=before_id), AUDIT_FIELDS
        else:
            rows, names = self.store.attempts(wanted, limit=STEP, before_id=before_id), ATTEMPT_FIELDS
        content = _csv(rows, names, header=before_id is None) if form is ExportFormat.CSV else _jsonl(rows)
        return content.encode(), rows[-1].id if len(rows) == STEP else None

    def prune(self) -> tuple[int, int]:
        """Delete what is older than the configuration keeps: (audit events, login attempts). Raises StoreError."""
        now = self.clock.now()
        events = self.store.prune_audit(before=now - self.audit_kept)
        return events, self.store.prune_attempts(before=now - self.attempts_kept)


def trail_json(row: AuditEventView | LoginAttempt) -> dict[str, Any]:
    """As JSON; times are UTC (RFC 3339)."""
    return asdict(row) | {"at": plain_value(row.at)}


def _jsonl(rows: Sequence[AuditEventView | LoginAttempt]) -> str:
    return "".join(json.dumps(trail_json(row), separators=(",", ":")) + "\n" for row in rows)


def _csv(rows: Sequence[AuditEventView | LoginAttempt], names: Sequence[str], *, header: bool) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    if header:
        writer.writerow(names)
    for row in rows:
        values = trail_json(row)
        writer.writerow([_cell(values[name]) for name in names])
    return stream.getvalue()


def _cell(value: Any) -> str | int | None:
    if value is None or isinstance(value, int):
        return value
    return text_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))
