"""Run records: what was asked for, what is going on, and how it ended.

Several processes share them, so every step from one state to the next is one statement that names the state it starts from
(compare-and-swap), and at most one run per directory is queued, by a unique index. Whoever asks while one is queued joins it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from syncd.errors import NotFoundError, RunStateError
from syncd.model.run import Mode, Outcome, Run, RunResult, Trigger
from syncd.store import schema as t
from syncd.store.engine import read, write

COMPLETE = tuple(outcome.value for outcome in Outcome if outcome.complete)
FINAL = tuple(outcome.value for outcome in Outcome if outcome.final)
# modes that read the directory: only those say that the store is true to it
READING = tuple(mode.value for mode in Mode if mode.reads)
# a queued run may be started between two statements of a request, never this often
_ATTEMPTS = 20


class SqlRunStore:
    """RunStore over SQLite and PostgreSQL. Every method is one short transaction and raises StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ asking
    def request(
        self,
        directory: str,
        *,
        mode: Mode,
        trigger: Trigger,
        at: datetime,
        actor: str = "",
        since: datetime | None = None,
    ) -> tuple[Run, bool]:
        """Queue a run; (the run, whether it is new).

        One that is queued already is given back: it will start after this request, so it reads what the asker wants read.
        When it would read less than is asked for, its mode is raised; who asked first stays on record. `since`: one that
        started after that time is given back too.
        """
        queued = self.next_queued(directory)
        if queued is not None and queued.mode.covers(mode):
            return queued, False
        values = {"directory": directory, "mode": mode.value, "trigger": trigger.value, "actor": actor, "requested_at": at}
        with write(self._engine, ordered=False) as connection:
            for _ in range(_ATTEMPTS):
                row = _started_after(connection, directory, mode, since) if since is not None else None
                row = row or _raise_mode(connection, directory, mode)
                if row is not None:
                    return _run(row), False
                row = connection.execute(self._insert_unless_queued(values)).first()
                if row is not None:
                    return self._settle(connection, row, since)
        raise RunStateError(f"the runs of {directory!r} start and end too fast to join one")

    def _settle(self, connection: Connection, row: Row[Any], since: datetime | None) -> tuple[Run, bool]:
        """The new run, or one that was queued and started between the statements before this one.

        As long as our row is queued nobody queues another, so what this look does not find cannot come any more.
        """
        run = _run(row)
        earlier = None if since is None else _started_after(connection, run.directory, run.mode, since)
        if earlier is None:
            return run, True
        connection.execute(delete(t.runs).where(t.runs.c.id == run.id))
        return _run(earlier), False

    def _insert_unless_queued(self, values: dict[str, Any]) -> Any:
        dialect = postgresql if self._engine.name == "postgresql" else sqlite
        statement = dialect.insert(t.runs).values(**values, outcome=Outcome.QUEUED.value)
        ignored = statement.on_conflict_do_nothing(index_elements=[t.runs.c.directory], index_where=text("outcome = 'queued'"))
        return ignored.returning(*t.runs.c)

    def next_queued(self, directory: str) -> Run | None:
        """The run that is to be started next; there is never more than one."""
        return self._one(_of(directory).where(t.runs.c.outcome == Outcome.QUEUED.value))

    # ------------------------------------------------------------ doing
    def start(self, run_id: int, *, at: datetime) -> Run:
        """From queued to running. Raises NotFoundError, RunStateError."""
        return self._step(run_id, Outcome.QUEUED, outcome=Outcome.RUNNING.value, started_at=at, phase="connect")

    def set_phase(self, run_id: int, phase: str) -> None:
        """Note what a run is doing. Raises RunStateError when it is over: someone else has taken the directory."""
        self._step(run_id, Outcome.RUNNING, phase=phase)

    def finish(self, run_id: int, result: RunResult, *, at: datetime) -> Run:
        """From running to the result's outcome. Raises NotFoundError, RunStateError."""
        if not result.outcome.final:
            raise ValueError(f"{result.outcome} is no end of a run")
        return self._step(
            run_id,
            Outcome.RUNNING,
            outcome=result.outcome.value,
            finished_at=at,
            server=result.server,
            entries_read=result.entries_read,
            code=result.code,
            message=result.message,
            advice=result.advice,
            counts=None if result.counts is None else dict(result.counts),
            verdict=result.verdict,
            plan_id=result.plan_id,
            feed=result.feed,
            feed_reason=result.feed_reason,
        )

    def _step(self, run_id: int, before: Outcome, **values: Any) -> Run:
        step = update(t.runs).where(t.runs.c.id == run_id, t.runs.c.outcome == before.value)
        with write(self._engine, ordered=False) as connection:
            row = connection.execute(step.values(**values).returning(*t.runs.c)).first()
        if row is None:
            now = self.get(run_id).outcome
            raise RunStateError(f"run {run_id} is {now}, not {before}", run=run_id)
        return _run(row)

    def abandon_running(self, directory: str, *, at: datetime) -> list[int]:
        """End as `abandoned` whatever still says running, oldest first; only for the holder of the lease."""
        running = t.runs.c.directory == directory, t.runs.c.outcome == Outcome.RUNNING.value
        with read(self._engine) as connection:
            if connection.execute(select(t.runs.c.id).where(*running).limit(1)).first() is None:
                return []
        abandon = update(t.runs).where(*running).values(
            outcome=Outcome.ABANDONED.value,
            finished_at=at,
            code="abandoned",
            message="The process that did this run ended without finishing it.",
            advice="Nothing to do: the next run completes what this one left.",
        )  # fmt: skip
        with write(self._engine, ordered=False) as connection:
            return sorted(connection.execute(abandon.returning(t.runs.c.id)).scalars())

    # ------------------------------------------------------------ looking
    def get(self, run_id: int) -> Run:
        """Raises NotFoundError."""
        found = self._one(select(t.runs).where(t.runs.c.id == run_id))
        if found is None:
            raise NotFoundError(f"there is no run {run_id}", advice="`syncd runs list` shows those that are kept.")
        return found

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[Run]:
        """Newest first; the next page begins before the last id of this one."""
        wanted = select(t.runs) if directory is None else _of(directory)
        if before_id is not None:
            wanted = wanted.where(t.runs.c.id < before_id)
        with read(self._engine) as connection:
            return [_run(row) for row in connection.execute(wanted.order_by(t.runs.c.id.desc()).limit(limit))]

    def last_complete(self, directory: str) -> Run | None:
        """The last run after which the store was as true to the directory as it can be."""
        return self._one(_newest(_of(directory).where(*_COMPLETE_READ)))

    def last_finished(self, directory: str) -> Run | None:
        """The last run that ended, whichever way."""
        return self._one(_newest(_of(directory).where(t.runs.c.outcome.in_(FINAL))))

    def last_started(self, directory: str, *, mode: Mode) -> Run | None:
        """The newest run that started and read at least as much as one of that mode does."""
        enough = t.runs.c.mode.in_(_reading_at_least(mode))
        return self._one(_newest(_of(directory).where(t.runs.c.started_at.is_not(None), enough)))

    def prune(self, *, finished_before: datetime) -> int:
        """Delete finished runs older than that, except each directory's last complete one; how many."""
        kept = select(func.max(t.runs.c.id)).where(*_COMPLETE_READ).group_by(t.runs.c.directory)
        old = delete(t.runs).where(t.runs.c.finished_at < finished_before, t.runs.c.id.not_in(kept))
        with write(self._engine, ordered=False) as connection:
            return connection.execute(old).rowcount

    def _one(self, wanted: Select[Any]) -> Run | None:
        with read(self._engine) as connection:
            row = connection.execute(wanted).first()
        return None if row is None else _run(row)


_COMPLETE_READ = (t.runs.c.outcome.in_(COMPLETE), t.runs.c.mode.in_(READING))


def _of(directory: str) -> Select[Any]:
    return select(t.runs).where(t.runs.c.directory == directory)


def _newest(wanted: Select[Any]) -> Select[Any]:
    return wanted.order_by(t.runs.c.id.desc()).limit(1)


def _reading_at_least(mode: Mode) -> list[str]:
    return [found.value for found in Mode if found.reads and found.covers(mode)]


def _started_after(connection: Connection, directory: str, mode: Mode, since: datetime) -> Row[Any] | None:
    """The newest run that reads as much and started later than that."""
    later = _of(directory).where(t.runs.c.started_at > since, t.runs.c.mode.in_(_reading_at_least(mode)))
    return connection.execute(_newest(later)).first()


def _raise_mode(connection: Connection, directory: str, mode: Mode) -> Row[Any] | None:
    """The queued run, with this mode when its own does less; None when there is none any more."""
    queued = t.runs.c.directory == directory, t.runs.c.outcome == Outcome.QUEUED.value
    less = [found.value for found in Mode if not found.covers(mode)]
    raised = update(t.runs).where(*queued, t.runs.c.mode.in_(less)).values(mode=mode.value).returning(*t.runs.c)
    return connection.execute(raised).first() or connection.execute(select(t.runs).where(*queued)).first()


def _run(row: Row[Any]) -> Run:
    values = row._asdict()
    return Run(
        **values | {
            "mode": Mode(values["mode"]),
            "trigger": Trigger(values["trigger"]),
            "outcome": Outcome(values["outcome"]),
        }
    )  # fmt: skip
