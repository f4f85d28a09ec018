"""Jobs of exports as rows, which survive whoever works on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, insert, or_, select, update

from syncd.model.caller import ITSELF, Caller
from syncd.model.export import ExportFormat, ExportJob, ExportRequest, ExportState
from syncd.model.mail import NewMail
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.journal import Journal
from syncd.store.outbox import queue_mail

_e = t.exports.c
_OPEN = (ExportState.QUEUED.value, ExportState.RUNNING.value)


class SqlExports:
    """Implements ExportStore of syncd.services.ports_lists."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, request: ExportRequest, *, caller: Caller, at: datetime) -> ExportJob:
        """ExportStore.create."""
        asked = {name: value for name, value in asdict(request).items() if name != "format"}
        row = insert(t.exports).values(
            state=ExportState.QUEUED.value,
            format=request.format.value,
            request=asked,
            user_id=caller.user_id,
            created_by=caller.name,
            created_at=at,
        )
        with write(self._engine) as connection:
            made = connection.execute(row.returning(*t.exports.c)).one()
            told = {"format": request.format.value} | {name: value for name, value in asked.items() if value}
            Journal(connection, caller=caller, at=at).note("export.requested", "export", made.id, after=told)
        return _job(made)

    def get(self, export_id: int) -> ExportJob | None:
        """ExportStore.get."""
        with read(self._engine) as connection:
            row = connection.execute(select(t.exports).where(_e.id == export_id)).one_or_none()
        return None if row is None else _job(row)

    def list(self, *, of: Caller | None, limit: int, before_id: int | None) -> Sequence[ExportJob]:
        """ExportStore.list."""
        query = select(t.exports).order_by(_e.id.desc()).limit(limit)
        if of is not None:
            whose = _e.user_id == of.user_id if of.user_id is not None else and_(_e.user_id.is_(None), _e.created_by == of.name)
            query = query.where(whose)
        if before_id is not None:
            query = query.where(_e.id < before_id)
        with read(self._engine) as connection:
            return [_job(row) for row in connection.execute(query)]

    def claim(self, *, at: datetime, until: datetime) -> ExportJob | None:
        """ExportStore.claim."""
        free = and_(_e.state.in_(_OPEN), or_(_e.claimed_until.is_(None), _e.claimed_until < at))
        query = select(_e.id).where(free).order_by(_e.id).limit(1)
        with read(self._engine) as connection:
            # asked first without taking the writer's turn: nearly always there is none
            if connection.execute(query).first() is None:
                return None
        with write(self._engine, ordered=False) as connection:
            number = connection.execute(query.with_for_update(skip_locked=True)).scalar()
            if number is None:
                return None
            taken = update(t.exports).where(_e.id == number).values(state=ExportState.RUNNING.value, claimed_until=until)
            return _job(connection.execute(taken.returning(*t.exports.c)).one())

    def renew(self, export_id: int, *, until: datetime) -> None:
        """ExportStore.renew."""
        self._change(export_id, claimed_until=until)

    def release(self, export_id: int) -> None:
        """ExportStore.release."""
        self._change(export_id, state=ExportState.QUEUED.value, claimed_until=None)

    def finish(self, export_id: int, *, rows: int, file: str, at: datetime, expires_at: datetime, mail: NewMail | None) -> None:
        """ExportStore.finish."""
        values = {"rows": rows, "file": file, "finished_at": at, "expires_at": expires_at, "claimed_until": None}
        with write(self._engine) as connection:
            done = update(t.exports).where(_e.id == export_id, _e.state.in_(_OPEN))
            if connection.execute(done.values(state=ExportState.FINISHED.value, **values)).rowcount:
                after = {"file": file, "rows": rows}
                Journal(connection, caller=ITSELF, at=at).note("export.finished", "export", export_id, after=after)
                queue_mail(connection, mail, at=at)

    def fail(self, export_id: int, *, error: str, at: datetime) -> None:
        """ExportStore.fail."""
        self._change(export_id, state=ExportState.FAILED.value, error=error, finished_at=at, claimed_until=None)

    def expired(self, *, at: datetime, failed_before: datetime) -> Sequence[ExportJob]:
        """ExportStore.expired."""
        failed = and_(_e.state == ExportState.FAILED.value, _e.finished_at < failed_before)
        with read(self._engine) as connection:
            return [_job(row) for row in connection.execute(select(t.exports).where(or_(_e.expires_at <= at, failed)))]

    def delete(self, ids: Sequence[int]) -> None:
        """ExportStore.delete."""
        if ids:
            with write(self._engine, ordered=False) as connection:
                connection.execute(delete(t.exports).where(_e.id.in_(ids)))

    def _change(self, export_id: int, **values: Any) -> None:
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.exports).where(_e.id == export_id, _e.state.in_(_OPEN)).values(**values))


def _job(row: Row[Any]) -> ExportJob:
    asked = row.request
    return ExportJob(
        id=row.id,
        state=ExportState(row.state),
        request=ExportRequest(
            format=ExportFormat(row.format),
            filter=asked["filter"],
            search=asked["search"],
            view=asked["view"],
            fields=tuple(asked["fields"]),
        ),
        user_id=row.user_id,
        created_by=row.created_by,
        created_at=row.created_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        rows=row.rows,
        file=row.file,
        error=row.error,
    )
