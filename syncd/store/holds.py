"""Held plans: what the guard stopped, and what somebody decided about it.

The daemon, the CLI and the API of several processes share them, so every step from one state to the next names the state it
starts from (compare-and-swap), with its audit event in the same transaction. At most one plan of a directory is open, by a
unique index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from syncd.errors import NotFoundError, PlanClosedError, StoreError
from syncd.model.hold import ChangeRow, HeldPlan, Kind, NewHold, Objection, PlanState, objection_json
from syncd.model.run import Mode
from syncd.store import schema as t
from syncd.store.audit import RUN, Auditor, fields_text, write_changed
from syncd.store.bulk import time_text
from syncd.store.changerows import pack, unpack
from syncd.store.engine import read, write

OPEN = tuple(state.value for state in PlanState if state.open)
DECISIONS = (PlanState.APPROVED, PlanState.REJECTED)
ENDS = (PlanState.APPLIED, PlanState.SUPERSEDED, PlanState.EXPIRED)
# another process may hold a plan of the same directory between two statements, never this often
_ATTEMPTS = 20

_plans = t.held_plans.c
# everything but the document, which may be large
_COLUMNS = [column for column in t.held_plans.columns if column.name != "document"]


class SqlHoldStore:
    """HoldStore over SQLite and PostgreSQL. Every method is one short transaction and raises StoreError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # ------------------------------------------------------------ holding
    def hold(self, new: NewHold, changes: Iterable[ChangeRow]) -> HeldPlan:
        """Keep a plan, or give back the one that asks the same; every other open one of the directory is superseded."""
        with write(self._engine) as connection:
            known = _make_room(connection, new)
        if known is not None:
            return known
        # outside of any transaction: making it may take a second
        document, count = pack(changes)
        with write(self._engine) as connection:
            for _ in range(_ATTEMPTS):
                if (known := _make_room(connection, new)) is not None:
                    return known
                row = connection.execute(self._insert_unless_open(new, document, count)).first()
                if row is not None:
                    _note(connection, row, PlanState.HELD, at=new.created_at, run_id=new.run_id)
                    return _plan(row)
        raise StoreError(f"other plans of {new.directory!r} are being held all the time")

    def _insert_unless_open(self, new: NewHold, document: bytes, count: int) -> Any:
        dialect = postgresql if self._engine.name == "postgresql" else sqlite
        statement = dialect.insert(t.held_plans).values(
            directory=new.directory,
            run_id=new.run_id,
            mode=new.mode.value,
            digest=new.digest,
            state=PlanState.HELD.value,
            objections=[objection_json(objection) for objection in new.objections],
            counts=dict(new.counts),
            changes=count,
            document=document,
            created_at=new.created_at,
            expires_at=new.expires_at,
        )
        where = text("state IN ('held', 'approved')")
        return statement.on_conflict_do_nothing(index_elements=[_plans.directory], index_where=where).returning(*_COLUMNS)

    # ------------------------------------------------------------ deciding
    def decide(self, plan_id: int, state: PlanState, *, actor: str, reason: str, at: datetime) -> HeldPlan:
        """From `held` to `approved` or `rejected`. Raises NotFoundError, PlanClosedError."""
        if state not in DECISIONS:
            raise ValueError(f"{state} is no decision")
        held = update(t.held_plans).where(_plans.id == plan_id, _plans.state == PlanState.HELD.value, _plans.expires_at > at)
        decided = held.values(state=state.value, decided_at=at, decided_by=actor, reason=reason).returning(*_COLUMNS)
        with write(self._engine) as connection:
            row = connection.execute(decided).first()
            if row is not None:
                _note(connection, row, state, before=PlanState.HELD, at=at, actor=actor, reason=reason)
                return _plan(row)
        raise _closed(self.get(plan_id))

    def close(self, plan_id: int, state: PlanState, *, at: datetime, reason: str = "", run_id: int | None = None) -> None:
        """From open to `applied`, `superseded` or `expired`; nothing when it is closed already, or deleted since."""
        if state not in ENDS:
            raise ValueError(f"{state} is no end of a plan")
        with write(self._engine) as connection:
            row = connection.execute(_open_for_update(_plans.id == plan_id)).first()
            if row is not None:
                _close(connection, row, state, at=at, reason=reason, run_id=run_id)

    # ------------------------------------------------------------ looking
    def get(self, plan_id: int) -> HeldPlan:
        """Raises NotFoundError."""
        with read(self._engine) as connection:
            row = connection.execute(select(*_COLUMNS).where(_plans.id == plan_id)).first()
        if row is None:
            raise _unknown(plan_id)
        return _plan(row)

    def list(self, *, directory: str | None = None, limit: int = 50, before_id: int | None = None) -> Sequence[HeldPlan]:
        """Newest first; the next page begins before the last id of this one."""
        wanted = select(*_COLUMNS)
        if directory is not None:
            wanted = wanted.where(_plans.directory == directory)
        if before_id is not None:
            wanted = wanted.where(_plans.id < before_id)
        with read(self._engine) as connection:
            return [_plan(row) for row in connection.execute(wanted.order_by(_plans.id.desc()).limit(limit))]

    def open(self, directory: str) -> HeldPlan | None:
        """The one that is held or approved, whatever its expiry says."""
        with read(self._engine) as connection:
            row = connection.execute(select(*_COLUMNS).where(*_open_of(directory))).first()
        return None if row is None else _plan(row)

    def changes(self, plan_id: int) -> Iterator[ChangeRow]:
        """Every change of the plan, in the order it was kept. Raises NotFoundError at once."""
        with read(self._engine) as connection:
            document = connection.execute(select(_plans.document).where(_plans.id == plan_id)).scalar()
        if document is None:
            raise _unknown(plan_id)
        return unpack(document)

    def prune(self, *, decided_before: datetime) -> int:
        """Delete closed plans older than that; how many."""
        old = delete(t.held_plans).where(_plans.state.not_in(OPEN), _plans.decided_at < decided_before)
        with write(self._engine) as connection:
            return connection.execute(old).rowcount


# ---------------------------------------------------------------- inside a transaction
def _make_room(connection: Connection, new: NewHold) -> HeldPlan | None:
    """The plan that asks the same already; if there is none, no plan of the directory is open afterwards."""
    found = connection.execute(_open_for_update(_plans.directory == new.directory)).first()
    if found is not None and found.expires_at <= new.created_at:
        _close(connection, found, PlanState.EXPIRED, at=new.created_at, reason="nobody decided in time", run_id=new.run_id)
        found = None
    known = connection.execute(_same_question(new)).first()
    if found is not None and (known is None or known.id != found.id):
        reason = f"run {new.run_id} has another plan"
        _close(connection, found, PlanState.SUPERSEDED, at=new.created_at, reason=reason, run_id=new.run_id)
    return None if known is None else _plan(known)


def _same_question(new: NewHold) -> Select[Any]:
    asked = (*OPEN, PlanState.REJECTED.value)
    wanted = select(*_COLUMNS).where(
        _plans.directory == new.directory,
        _plans.digest == new.digest,
        _plans.mode == new.mode.value,
        _plans.state.in_(asked),
        _plans.expires_at > new.created_at,
    )
    return wanted.order_by(_plans.id.desc()).limit(1)


def _open_of(directory: str) -> tuple[Any, Any]:
    return _plans.directory == directory, _plans.state.in_(OPEN)


def _open_for_update(*conditions: Any) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions, _plans.state.in_(OPEN)).with_for_update()


def _close(connection: Connection, row: Row[Any], state: PlanState, *, at: datetime, reason: str, run_id: int | None) -> None:
    """End an open plan whose row is locked. Who approved it, when and why stays on record; what ended it is added."""
    before = PlanState(row.state)
    values: dict[str, Any] = {"state": state.value, "reason": "; ".join(filter(None, (row.reason, reason)))}
    if row.decided_at is None:
        values["decided_at"] = at
    connection.execute(update(t.held_plans).where(_plans.id == row.id, _plans.state == before.value).values(values))
    _note(connection, row, state, before=before, at=at, run_id=run_id, reason=reason)


def _note(
    connection: Connection,
    row: Row[Any],
    state: PlanState,
    *,
    at: datetime,
    before: PlanState | None = None,
    actor: str = RUN,
    run_id: int | None = None,
    reason: str = "",
) -> None:
    """The audit event of a step that is done in this transaction."""
    auditor = Auditor(directory=row.directory, run_id=run_id, at=time_text(at), actor=actor)
    was = None if before is None else fields_text({"state": before.value})
    now = fields_text(
        {"state": state.value} if before else {"state": state.value, "digest": row.digest, "changes": row.changes}
    )
    event = auditor.changed(f"plan.{state}", "plan", row.id, before=was, after=now, reason=reason or None)
    write_changed(connection, [event])


# ---------------------------------------------------------------- rows
def _plan(row: Row[Any]) -> HeldPlan:
    values = row._asdict()
    return HeldPlan(
        **values | {
            "mode": Mode(values["mode"]),
            "state": PlanState(values["state"]),
            "objections": tuple(objection_of(told) for told in values["objections"]),
        }
    )  # fmt: skip


def objection_of(told: dict[str, Any]) -> Objection:
    """What `objection_json` wrote."""
    return Objection(**told | {"kind": Kind(told["kind"])})


def _unknown(plan_id: int) -> NotFoundError:
    return NotFoundError(f"there is no plan {plan_id}", advice="`syncd plan list` shows those that are kept.")


def _closed(plan: HeldPlan) -> PlanClosedError:
    if plan.state is PlanState.HELD:
        until = f"{plan.expires_at:%Y-%m-%d %H:%M} UTC"
        return PlanClosedError(
            f"plan {plan.id} expired: it could be decided until {until}; the next run asks anew", plan=plan.id
        )
    by = f" by {plan.decided_by}" if plan.decided_by else ""
    return PlanClosedError(f"plan {plan.id} is {plan.state}{by} already", plan=plan.id)
