"""At most one run per directory at a time, over all processes that share the store (invariant 9).

The operating system or the database server keeps the lease, not a row with an expiry time: it ends with its holder, however
that dies, so there is nothing to clean up after a crash and no clock to agree on.

- SQLite: an flock(2) on a file beside the database, `DATABASE.lease.DIRECTORY`. The file stays; deleting it would let two
  processes lock two files of the same name. Everybody who can use the database is on this machine anyway.
- PostgreSQL: a session-level advisory lock on a connection of its own, outside the pool. The server ends the session when the
  holder's machine has not answered for `KEEPALIVE` seconds. A pooler in transaction mode would break this.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, text

from syncd.errors import DatabaseUnavailableError, LeaseHeldError
from syncd.store.engine import errors_translated

# PostgreSQL notices within idle + interval * count seconds that a holder's machine is gone
KEEPALIVE = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 4}


class SqlLease:
    """Lease over SQLite and PostgreSQL. Works between threads of one process as well."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def hold(self, directory: str) -> AbstractContextManager[None]:
        """Raises LeaseHeldError at once when someone else has it, StoreError when that cannot be found out."""
        if self._engine.name == "postgresql":
            return _hold_advisory_lock(self._engine, directory)
        return _hold_file(self.path(directory), directory)

    def path(self, directory: str) -> Path:
        """SQLite: the file that is locked."""
        database = Path(self._engine.url.database or "").absolute()
        return database.with_name(f"{database.name}.lease.{quote(directory, safe='')}")


# ---------------------------------------------------------------- SQLite
@contextmanager
def _hold_file(path: Path, directory: str) -> Iterator[None]:
    # never inherited by programs that this process starts: they would keep the lease after its death
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(directory, _holder(descriptor)) from None
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailableError(
            f"the lease file {path} cannot be used: {error.strerror}",
            advice="Check that the database's folder may be written by the user that runs syncd.",
        ) from error


def _sign(descriptor: int) -> None:
    """Leave the process id for whoever finds the lease taken; a full disk takes the message, not the lease."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _holder(descriptor: int) -> str:
    with suppress(OSError):
        process = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        if process.isdecimal():
            return f"process {process}"
    return "another process"


# ---------------------------------------------------------------- PostgreSQL
@contextmanager
def _hold_advisory_lock(engine: Engine, directory: str) -> Iterator[None]:
    key = _key(directory)
    with errors_translated():
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with errors_translated():
            # out of the pool: as many runs as there are directories must not use up its connections
            connection.detach()
            locked = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar()
            if not locked:
                raise _held(directory, _session(connection, key))
            for name, value in KEEPALIVE.items():
                connection.exec_driver_sql(f"SET {name} = {value}")
        yield
    finally:
        # closing a detached connection ends its session, and the lock with it
        connection.close()


def _key(directory: str) -> int:
    """64 bits, signed, that no other program hits by chance: advisory locks have numbers, not names."""
    digest = hashlib.sha256(f"syncd lease {directory}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _session(connection: Connection, key: int) -> str:
    """Who holds the lock, as far as this account may see it."""
    query = text(
        "SELECT activity.pid, host(activity.client_addr) FROM pg_locks AS lock JOIN pg_stat_activity AS activity USING (pid) "
        "WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1 "
        "AND lock.classid::bigint = :high AND lock.objid::bigint = :low"
    )
    row = connection.execute(query, {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}).first()
    if row is None:
        return "another process"
    return f"another process (database session {row[0]}{f' from {row[1]}' if row[1] else ''})"


def _held(directory: str, holder: str) -> LeaseHeldError:
    return LeaseHeldError(f"{holder} is syncing {directory!r} at this moment", directory=directory)
