"""Audit events of what people do, as `audit` has those of runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from syncd.model.caller import Caller
from syncd.store.audit import BY_HAND, fields_text
from syncd.store.bulk import Row, bulk_insert, time_text
from syncd.store.schema import audit_events

Fields = Mapping[str, Any]


class Journal:
    """Writes the events of one transaction, in their order."""

    def __init__(
        self,
        connection: Connection,
        *,
        caller: Caller,
        at: datetime,
        run_id: int | None = None,
        directory: str | None = None,
    ) -> None:
        """`connection`: inside `engine.write`, so that the events' numbers are in the order of commits.

        `run_id`, `directory`: of the run that does it, if it is one.
        """
        self.connection = connection
        self.caller = caller
        self.at = at
        self._run_id = run_id
        self._directory = directory
        self._waiting: list[Row] = []

    def note(
        self,
        action: str,
        subject: str,
        subject_id: int,
        *,
        before: Fields | None = None,
        after: Fields | None = None,
        reason: str | None = None,
    ) -> None:
        """One event. `before` and `after`: only what changed, in plain values; never a secret or a hash."""
        self.add(action, subject, subject_id, before=before, after=after, reason=reason)
        self.write()

    def add(
        self,
        action: str,
        subject: str,
        subject_id: int,
        *,
        before: Fields | None = None,
        after: Fields | None = None,
        reason: str | None = None,
    ) -> None:
        """As `note`, but written only by the next `write`: for many at once."""
        texts = (None if fields is None else fields_text(fields) for fields in (before, after))
        who = (time_text(self.at), self.caller.name, self.caller.request_id)
        row = (*who, action, subject, subject_id, self._directory, *texts, reason, self._run_id)
        self._waiting.append(row)

    def write(self) -> None:
        """Write what was added."""
        bulk_insert(self.connection, audit_events, (*BY_HAND, "run_id"), self._waiting)
        self._waiting = []
