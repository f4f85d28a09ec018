"""The audit trail and the login attempts: looked at newest first, and deleted when they are old.

Both are written in the order of time, so the oldest are those with the lowest numbers, and no index over times is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, func, insert, select

from syncd.model.trail import AttemptFilter, AuditFilter, LoginAttempt
from syncd.model.views import AuditEventView
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.matching import caseless_like, escaped

PRUNED_THROUGH = "audit_pruned_through"
# rows of one transaction
BATCH = 2000
_a, _l = t.audit_events.c, t.login_attempts.c


class SqlTrail:
    """Implements TrailStore of syncd.services.ports_lists."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def audit(self, wanted: AuditFilter, *, limit: int, before_id: int | None) -> Sequence[AuditEventView]:
        """TrailStore.audit."""
        query = select(t.audit_events).where(*_audit_conditions(wanted)).order_by(_a.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(_a.id < before_id)
        with read(self._engine) as connection:
            return [AuditEventView(**row._asdict()) for row in connection.execute(query)]

    def attempts(self, wanted: AttemptFilter, *, limit: int, before_id: int | None) -> Sequence[LoginAttempt]:
        """TrailStore.attempts."""
        query = select(t.login_attempts).where(*_attempt_conditions(wanted)).order_by(_l.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(_l.id < before_id)
        with read(self._engine) as connection:
            return [LoginAttempt(**row._asdict()) for row in connection.execute(query)]

    def prune_audit(self, *, before: datetime) -> int:
        """TrailStore.prune_audit."""
        return self._prune(t.audit_events, before=before)

    def prune_attempts(self, *, before: datetime) -> int:
        """TrailStore.prune_attempts."""
        return self._prune(t.login_attempts, before=before)

    def _prune(self, table: Table, *, before: datetime) -> int:
        pruned = 0
        while True:
            with read(self._engine) as connection:
                last = _last_old(connection, table, before)
            if last is None:
                return pruned
            with write(self._engine, ordered=table is t.audit_events) as connection:
                pruned += connection.execute(delete(table).where(table.c.id <= last)).rowcount
                if table is t.audit_events:
                    _remember(connection, last)


def _last_old(connection: Connection, table: Table, before: datetime) -> int | None:
    """The highest number of the oldest few that are all old."""
    last = None
    for row in connection.execute(select(table.c.id, table.c.at).order_by(table.c.id).limit(BATCH)):
        if row.at >= before:
            break
        last = row.id
    return last


def _remember(connection: Connection, last: int) -> None:
    """Whoever follows events from an earlier one has missed some."""
    connection.execute(delete(t.facts).where(t.facts.c.name == PRUNED_THROUGH))
    connection.execute(insert(t.facts).values(name=PRUNED_THROUGH, value=last))


def _audit_conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (_a.actor, wanted.actor),
        (_a.subject_type, wanted.subject_type),
        (_a.subject_id, wanted.subject_id),
        (_a.directory, wanted.directory),
        (_a.run_id, wanted.run_id),
    ):
        if value is not None:
            yield column == value
    if wanted.action is not None:
        kind, star, _ = wanted.action.partition("*")
        yield _a.action.like(f"{escaped(kind)}%", escape="\\") if star else _a.action == wanted.action
    yield from _between(_a.at, wanted.since, wanted.until)
    if wanted.search:
        yield caseless_like(_a.reason, f"%{escaped(wanted.search)}%")


def _attempt_conditions(wanted: AttemptFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in ((_l.user_id, wanted.user_id), (_l.address, wanted.address), (_l.directory, wanted.directory)):
        if value is not None:
            yield column == value
    if wanted.name is not None:
        yield func.lower(_l.name) == func.lower(wanted.name)
    if wanted.outcome == "refused":
        yield _l.outcome != "accepted"
    elif wanted.outcome is not None:
        yield _l.outcome == wanted.outcome
    yield from _between(_l.at, wanted.since, wanted.until)


def _between(column: Any, since: datetime | None, until: datetime | None) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield column >= since
    if until is not None:
        yield column < until
