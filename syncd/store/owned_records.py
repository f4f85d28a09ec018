"""Records of other systems that users own: they keep their owner from being deleted (S58)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, tuple_

from syncd.errors import NotFoundError, StateError
from syncd.model.caller import Caller
from syncd.model.useredit import OwnedRecord
from syncd.model.views import Page
from syncd.store import schema as t
from syncd.store.engine import Engine, read, write
from syncd.store.journal import Journal
from syncd.store.named import page_size
from syncd.store.queries_people import people_by_ids
from syncd.store.userrows import locked_user

# reasons of the login gate for which somebody counts as disabled, whoever did it
_DISABLED = ("disabled", "directory_disabled", "directory_missing")


class SqlRecords:
    """`RecordStore` of services.ports_users."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self, user_id: int, *, limit: int, after: OwnedRecord | None) -> Page[OwnedRecord]:
        records = t.owned_records.c
        query = select(records.system, records.reference).where(records.user_id == user_id)
        if after is not None:
            query = query.where(tuple_(records.system, records.reference) > tuple_(*after))
        query = query.order_by(records.system, records.reference).limit(page_size(limit) + 1)
        with read(self._engine) as connection:
            if connection.scalar(select(t.users.c.id).where(t.users.c.id == user_id)) is None:
                raise NotFoundError(f"there is no user {user_id}")
            found = [OwnedRecord(*row) for row in connection.execute(query)]
        return Page(items=tuple(found[:limit]), next="/".join(found[limit - 1]) if len(found) > limit else None)

    def add(self, user_id: int, system: str, reference: str, *, caller: Caller, at: datetime) -> bool:
        with write(self._engine) as connection:
            locked_user(connection, user_id)
            records = t.owned_records.c
            key = (records.user_id == user_id, records.system == system, records.reference == reference)
            if connection.scalar(select(records.user_id).where(*key)) is not None:
                return False
            _require_enabled(connection, user_id, at)
            row = {"system": system, "reference": reference}
            connection.execute(insert(t.owned_records).values(user_id=user_id, **row))
            Journal(connection, caller=caller, at=at).note("user.record_added", "user", user_id, after=row)
        return True

    def remove(self, user_id: int, system: str, reference: str, *, caller: Caller, at: datetime) -> bool:
        with write(self._engine) as connection:
            locked_user(connection, user_id)
            records, row = t.owned_records.c, {"system": system, "reference": reference}
            key = (records.user_id == user_id, records.system == system, records.reference == reference)
            if connection.execute(delete(t.owned_records).where(*key)).rowcount == 0:
                return False
            Journal(connection, caller=caller, at=at).note("user.record_removed", "user", user_id, before=row)
        return True


def _require_enabled(connection: Connection, user_id: int, at: datetime) -> None:
    """S4: somebody disabled becomes no owner of anything new."""
    reasons = people_by_ids(connection, [user_id], now=at)[0].reasons
    found = [reason for reason in reasons if reason.partition(":")[0] in _DISABLED]
    if found:
        raise StateError(f"user {user_id} is disabled ({', '.join(found)}) and cannot become an owner")
