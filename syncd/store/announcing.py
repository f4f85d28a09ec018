"""Access that changes without anybody writing: the times of accounts, and what nobody announced."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from syncd.model.caller import ITSELF
from syncd.store.announce import announce, passed, strayed
from syncd.store.engine import read, write
from syncd.store.journal import Journal

# people per transaction
BATCH = 500


class SqlAnnouncing:
    """`AnnouncingStore` of services.announcing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def announce(self, *, since: datetime | None, now: datetime) -> int:
        with read(self._engine) as connection:
            found = strayed(connection, now=now) if since is None else passed(connection, since=since, now=now)
        told = 0
        for start in range(0, len(found), BATCH):
            with write(self._engine) as connection:
                journal = Journal(connection, caller=ITSELF, at=now)
                told += announce(connection, found[start : start + BATCH], journal=journal)
        return told
