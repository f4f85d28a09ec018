"""Audit events as rows (invariant 10): who changed what, in which run, before and after.

An event is written in the transaction of its change, so that there is never one without the other. Binary values appear as
their digest; passwords never come this way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from json.encoder import encode_basestring as _quoted
from typing import Any

from sqlalchemy import Connection

from syncd.model.plan import Action, StructureChange
from syncd.model.records import FieldValue, OrganizationRecord, RoleIdentifierRecord, UnitRecord
from syncd.store.bulk import Row, bulk_insert
from syncd.store.schema import audit_events
from syncd.store.types import to_json

# columns of an event without `before` and `reason`, which creations have no use for
CREATED = ("at", "actor", "run_id", "action", "subject_type", "subject_id", "directory", "after")
CHANGED = (*CREATED, "before", "reason")

_PAST = {Action.CREATE: "created", Action.UPDATE: "updated", Action.REMOVE: "removed"}

# the actor of what a run does on its own
RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditor:
    """Makes the events of one run over one directory. The rows are to be written with `CREATED` or `CHANGED`."""

    directory: str
    run_id: int | None
    # time_text
    at: str

    def created(self, action: str, subject: str, subject_id: int, after: str) -> Row:
        """A row for CREATED; `after` is JSON text."""
        return (self.at, RUN, self.run_id, action, subject, subject_id, self.directory, after)

    def changed(
        self, action: str, subject: str, subject_id: int, *, before: str | None, after: str | None, reason: str | None = None
    ) -> Row:
        """A row for CHANGED; `before` and `after` are JSON text."""
        return (self.at, RUN, self.run_id, action, subject, subject_id, self.directory, after, before, reason)

    def structure(self, change: StructureChange[Any], subject: str, subject_id: int) -> Row:
        """A row for CHANGED about an organization, a unit or a role identifier."""
        action = f"{subject}.{_PAST[change.action]}"
        return self.changed(action, subject, subject_id, before=_record_text(change.before), after=_record_text(change.after))


def write_changed(connection: Connection, events: Sequence[Row]) -> None:
    """Write rows made by `Auditor.changed`."""
    bulk_insert(connection, audit_events, CHANGED, events)


def write_created(connection: Connection, events: Sequence[Row]) -> None:
    """Write rows made by `Auditor.created`."""
    bulk_insert(connection, audit_events, CREATED, events)


def fields_text(fields: Iterable[tuple[str, FieldValue]]) -> str:
    """A JSON object of field names and values. By hand for text, which nearly all values are: half the time of json.dumps."""
    members = [_LABELS[name] + (_quoted(value) if value.__class__ is str else _value_text(value)) for name, value in fields]
    return "{" + ",".join(members) + "}"


class _Labels(dict[str, str]):
    """Field names as they stand in JSON, each made once."""

    def __missing__(self, name: str) -> str:
        label = self[name] = _quoted(name) + ":"
        return label


_LABELS = _Labels()


def _value_text(value: FieldValue) -> str:
    if isinstance(value, tuple):
        return "[" + ",".join(map(_quoted, value)) + "]"
    if isinstance(value, bytes):
        return to_json({"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)})
    return to_json(value)


def _record_text(record: OrganizationRecord | UnitRecord | RoleIdentifierRecord | None) -> str | None:
    return None if record is None else to_json(asdict(record))
