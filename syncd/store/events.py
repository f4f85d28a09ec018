"""Audit events by number, which is the order of their commits (syncd.store.engine.write)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select

from syncd.model.views import AuditEventView
from syncd.store import schema as t
from syncd.store.among import among
from syncd.store.engine import on_write, read
from syncd.store.trail import PRUNED_THROUGH

_e = t.audit_events.c


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSlice:
    """Some audit events in their order."""

    rows: Sequence[AuditEventView]
    # number of the last one that was looked at
    through: int


class SqlEvents:
    """`EventStore` of services.events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ends(self) -> tuple[int, int]:
        """EventStore.ends."""
        with read(self._engine) as connection:
            return ends(connection)

    def look(self, first: int, *, holds: Callable[[str], bool], scan: int, limit: int) -> AuditSlice:
        """EventStore.look."""
        with read(self._engine) as connection:
            query = select(_e.id, _e.action).where(_e.id >= first).order_by(_e.id).limit(scan)
            found = connection.execute(query).all()
            ids = [number for number, action in found if holds(action)]
            through = found[-1][0] if found else first - 1
            if len(ids) > limit:
                ids = ids[:limit]
                through = ids[-1]
            return AuditSlice(rows=_rows(connection, ids), through=through)

    def on_new(self, heard: Callable[[], None]) -> Callable[[], None]:
        """EventStore.on_new."""
        return on_write(self._engine, heard)


def ends(connection: Connection) -> tuple[int, int]:
    """The number up to which audit events were pruned, and the newest there was."""
    pruned = connection.scalar(select(t.facts.c.value).where(t.facts.c.name == PRUNED_THROUGH))
    through = pruned if isinstance(pruned, int) else 0
    return through, max(through, connection.scalar(select(func.max(_e.id))) or 0)


def _rows(connection: Connection, ids: Sequence[int]) -> list[AuditEventView]:
    if not ids:
        return []
    query = select(t.audit_events).where(among(connection, _e.id, ids)).order_by(_e.id)
    return [AuditEventView(**row._asdict()) for row in connection.execute(query)]
