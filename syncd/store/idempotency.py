"""Answers to creations, kept so that a repetition is answered like the first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncd.services.ports_people import KeptAnswer
from syncd.store import schema as t
from syncd.store.engine import read, write

_k = t.idempotency_keys.c


class SqlIdempotency:
    """`Idempotency` of services.ports_people."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, caller: str, key: str, *, digest: bytes, at: datetime) -> KeptAnswer | None:
        dialect = postgresql if self._engine.name == "postgresql" else sqlite
        new = dialect.insert(t.idempotency_keys).values(caller=caller, key=key, request_digest=digest, created_at=at)
        with write(self._engine, ordered=False) as connection:
            if connection.execute(new.on_conflict_do_nothing().returning(_k.key)).first() is not None:
                return None
        with read(self._engine) as connection:
            found = connection.execute(select(t.idempotency_keys).where(_k.caller == caller, _k.key == key)).one_or_none()
        if found is None:
            # the first one has failed in this moment, so this one may begin, if no third has already
            return self.begin(caller, key, digest=digest, at=at)
        return KeptAnswer(
            same=found.request_digest == digest, status=found.status, headers=found.headers or {}, body=found.body
        )

    def finish(self, caller: str, key: str, *, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        values = {"status": status, "headers": dict(headers), "body": body}
        with write(self._engine, ordered=False) as connection:
            connection.execute(update(t.idempotency_keys).where(_k.caller == caller, _k.key == key).values(values))

    def forget(self, caller: str, key: str) -> None:
        with write(self._engine, ordered=False) as connection:
            connection.execute(delete(t.idempotency_keys).where(_k.caller == caller, _k.key == key, _k.status.is_(None)))

    def prune(self, *, created_before: datetime) -> int:
        with write(self._engine, ordered=False) as connection:
            return connection.execute(delete(t.idempotency_keys).where(_k.created_at < created_before)).rowcount
