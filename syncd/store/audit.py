"""Audit events as rows (invariant 10): who changed what, in which run, before and after.

An event is written in the transaction of its change, so that there is never one without the other. Binary values appear as
their digest; passwords never come this way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection

from syncd.model.plan import Action, StructureChange
from syncd.model.records import FieldValue, OrganizationRecord, RoleIdentifierRecord, UnitRecord
from syncd.store.bulk import Row, bulk_insert
from syncd.store.schema import audit_events

# columns of an event without `before` and `reason`, which creations have no use for
CREATED = ("at", "actor", "run_id", "action", "subject_type", "subject_id", "directory", "after")
CHANGED = (*CREATED, "before", "reason")
BY_HAND = ("at", "actor", "request_id", "action", "subject_type", "subject_id", "directory", "before", "after", "reason")

_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.REMOVE: "removed"}
# for others, what we delete is deleted, whoever does it
_DELETED = frozenset({"organization", "unit"})

# the actor of what a run does on its own
RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Makes the events of one actor, as a rule a run, for one directory. Rows are to be written with `CREATED` or `CHANGED`."""

    directory: str
    run_id: int | None
    # time_text
    at: str
    actor: str = RUN

    def created(self, action: str, subject: str) -> Callable[[int, Mapping[str, FieldValue]], Row]:
        """Makes rows for CREATED, of the number and the fields of what was created."""
        at, actor, run_id, directory = self.at, self.actor, self.run_id, self.directory

        def row(subject_id: int, after: Mapping[str, FieldValue]) -> Row:
            return (at, actor, run_id, action, subject, subject_id, directory, fields_text(after))

        return row

    def changed(
        self, action: str, subject: str, subject_id: int, *, before: str | None, after: str | None, reason: str | None = None
    ) -> Row:
        """A row for CHANGED; `before` and `after` are JSON text."""
        return (self.at, self.actor, self.run_id, action, subject, subject_id, self.directory, after, before, reason)

    def structure(self, change: StructureChange[Any], subject: str, subject_id: int) -> Row:
        """A row for CHANGED about an organization, a unit or a role identifier."""
        past = "deleted" if change.action is Action.REMOVE and subject in _DELETED else _PAST[change.action]
        before, after = _record_text(change.before), _record_text(change.after)
        return self.changed(f"{subject}.{past}", subject, subject_id, before=before, after=after)

    def shared(self, subject: str, subject_id: int, *, before: Mapping[str, str], after: Mapping[str, str]) -> Row:
        """A row for CHANGED about an organization or a unit that is there before and after, with the directory or without."""
        texts = [fields_text(fields) if fields else None for fields in (before, after)]
        return self.changed(f"{subject}.updated", subject, subject_id, before=texts[0], after=texts[1])


def write_changed(connection: Connection, events: Sequence[Row]) -> None:
    """Write rows made by `Auditor.changed`."""
    bulk_insert(connection, audit_events, CHANGED, events)


def write_created(connection: Connection, events: Sequence[Row]) -> None:
    """Write rows made by `Auditor.created`."""
    bulk_insert(connection, audit_events, CREATED, events)


def _json_form(value: object) -> object:
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an audit event")


# a JSON object of field names and values, in their order; made once; fields are flat, so nothing can contain itself
_encoder = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_json_form)
fields_text: Callable[[Mapping[str, FieldValue]], str] = _encoder.encode


def _record_text(record: OrganizationRecord | UnitRecord | RoleIdentifierRecord | None) -> str | None:
    return None if record is None else fields_text(asdict(record))
