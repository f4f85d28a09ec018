"""How far each webhook has come.

One process delivers to a webhook at a time: it claims the row for a while, by the end of which it has delivered, or has died
and another one goes on. What it delivers is noted with the claim, so that a delivery is repeated as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from syncd.model.caller import Caller
from syncd.model.events import last_position
from syncd.model.webhook import WebhookSkip, WebhookState
from syncd.store import schema as t
from syncd.store.engine import read, write
from syncd.store.events import ends
from syncd.store.journal import Journal

_w = t.webhooks.c


class SqlWebhooks:
    """`WebhookStore` of services.webhooks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, name: str) -> WebhookState | None:
        with read(self._engine) as connection:
            row = connection.execute(select(t.webhooks).where(_w.name == name)).one_or_none()
        return None if row is None else _state(row)

    def all(self) -> Sequence[WebhookState]:
        with read(self._engine) as connection:
            return [_state(row) for row in connection.execute(select(t.webhooks).order_by(_w.name))]

    def begin(self, name: str) -> None:
        with write(self._engine) as connection:
            if connection.execute(select(_w.name).where(_w.name == name)).first() is None:
                position = last_position(ends(connection)[1])
                connection.execute(insert(t.webhooks).values(name=name, position=position))

    def claim(self, name: str, *, position: int, through: int, at: datetime, until: datetime) -> bool:
        free = or_(_w.claimed_until.is_(None), _w.claimed_until <= at)
        due = or_(_w.next_try_at.is_(None), _w.next_try_at <= at)
        same = or_(_w.tried_through.is_(None), _w.tried_through == through)
        taken = update(t.webhooks).where(_w.name == name, _w.position == position, free, due, same)
        with write(self._engine, ordered=False) as connection:
            return _one(connection, taken.values(claimed_until=until, tried_through=through))

    def delivered(self, name: str, *, position: int, through: int, at: datetime | None) -> bool:
        values: dict[str, Any] = {
            "position": through,
            "tried_through": None,
            "failures": 0,
            "next_try_at": None,
            "claimed_until": None,
        }
        if at is not None:
            values |= {"delivered_at": at, "last_error": None}
        with write(self._engine, ordered=False) as connection:
            moved = update(t.webhooks).where(_w.name == name, _w.position == position)
            return _one(connection, moved.values(values))

    def failed(self, name: str, *, position: int, error: str, next_try_at: datetime, until: datetime) -> bool:
        with write(self._engine, ordered=False) as connection:
            own = update(t.webhooks).where(_w.name == name, _w.position == position, _w.claimed_until == until)
            values = {"last_error": error, "next_try_at": next_try_at, "claimed_until": None}
            return _one(connection, own.values(**values, failures=_w.failures + 1))

    def skip(self, name: str, *, caller: Caller, at: datetime, reason: str) -> WebhookSkip | None:
        free = {"tried_through": None, "failures": 0, "next_try_at": None, "claimed_until": None, "last_error": None}
        with write(self._engine) as connection:
            row = connection.execute(select(t.webhooks).where(_w.name == name).with_for_update()).one_or_none()
            if row is None or not row.failures or row.tried_through is None:
                return None
            connection.execute(update(t.webhooks).where(_w.name == name).values(position=row.tried_through, **free))
            skipped = WebhookSkip(name=name, after_id=row.position, through_id=row.tried_through)
            # a webhook has a name and no number
            Journal(connection, caller=caller, at=at).note(
                "webhook.skipped", "webhook", 0,
                before={"name": name, "last_event_id": row.position, "failures": row.failures, "last_error": row.last_error},
                after={"name": name, "last_event_id": row.tried_through},
                reason=reason,
            )  # fmt: skip
            return skipped


def _one(connection: Connection, statement: Any) -> bool:
    return bool(connection.execute(statement).rowcount)


def _state(row: Row[Any]) -> WebhookState:
    return WebhookState(**row._mapping)
