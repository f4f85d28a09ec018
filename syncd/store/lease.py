"""At most one run per directory at a time, over all processes that share the store (invariant 9).

The operating system or the database server keeps the lease, not a row with an expiry time: it ends with its holder, however
that dies, so there is nothing to clean up after a crash and no clock to agree on.

- SQLite: an flock(2) on a file beside the database, `DATABASE.lease.DIRECTORY`. The file stays; deleting it would let two
  processes lock two files of the same name. Everybody who can use the database is on this machine anyway.
- PostgreSQL: a session-level advisory lock on a connection of its own, outside the pool. The server ends the session when the
  holder's machine has not answered for a while (`syncd.store.engine.KEEPALIVE`). A pooler in transaction mode would break this.

A holder whose session ended (the server was restarted) does not know that it holds the lease no longer. So each holder gets an
epoch, larger than that of any before it, and every transaction of its run asks (`fence`) whether that is still the newest.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from syncd.clock import Clock, SystemClock
from syncd.errors import DatabaseUnavailableError, LeaseHeldError, LeaseLostError
from syncd.store import schema as t
from syncd.store.engine import errors_translated, read, write

# seconds that a taker waits for a transaction of the holder before it, whose session was lost in the middle of its run
FENCE_SECONDS = 30
# seconds that a taker goes on trying to lock a file that others only look at
LOOKING_SECONDS = 5.0


class SqlLease:
    """Lease over SQLite and PostgreSQL. Works between threads of one process as well."""

    def __init__(self, engine: Engine, *, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock or SystemClock()

    def hold(self, directory: str) -> AbstractContextManager[int]:
        """Gives the fencing epoch. Raises LeaseHeldError at once when someone else has the lease, StoreError when that cannot
        be found out."""
        if self._engine.name == "postgresql":
            return self._hold_advisory_lock(directory)
        return self._hold_file(directory)

    def free(self, directory: str) -> bool:
        """Whether nobody has the lease right now. Takes nothing that would turn a holder away. Raises StoreError."""
        if self._engine.name == "postgresql":
            with read(self._engine) as connection:
                return not connection.execute(text(f"SELECT EXISTS (SELECT {_LOCK})"), _halves(_key(directory))).scalar()
        return _file_is_free(self.path(directory))

    @contextmanager
    def _hold_file(self, directory: str) -> Iterator[int]:
        with _locked_file(self.path(directory), directory):
            with write(self._engine, ordered=False) as connection:
                epoch = raise_epoch(connection, directory, holder=_myself(), at=self._clock.now())
            yield epoch

    @contextmanager
    def _hold_advisory_lock(self, directory: str) -> Iterator[int]:
        with _advisory_lock(self._engine, directory) as connection:
            with errors_translated():
                epoch = raise_epoch(connection, directory, holder=_myself(), at=self._clock.now())
            yield epoch

    def path(self, directory: str) -> Path:
        """SQLite: the file that is locked."""
        database = Path(self._engine.url.database or "").absolute()
        return database.with_name(f"{database.name}.lease.{quote(directory, safe='')}")


# ---------------------------------------------------------------- the epoch
def raise_epoch(connection: Connection, directory: str, *, holder: str, at: datetime) -> int:
    """Make every earlier epoch of the directory void; the new one. Waits for a transaction that is inside the fence."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    first = dialect.insert(t.leases).values(directory=directory, epoch=1, holder=holder, taken_at=at)
    values = {"epoch": t.leases.c.epoch + 1, "holder": holder, "taken_at": at}
    taken = first.on_conflict_do_update(index_elements=[t.leases.c.directory], set_=values)
    return int(connection.execute(taken.returning(t.leases.c.epoch)).scalar_one())


def fence(connection: Connection, directory: str, epoch: int) -> None:
    """For the beginning of each transaction of a holder (invariant 9). Raises LeaseLostError when somebody else has taken the
    directory meanwhile.

    On PostgreSQL the row stays locked to the end of the transaction, so that nobody takes the directory before that; on SQLite
    nobody else can write anyway.
    """
    wanted = select(t.leases.c.epoch, t.leases.c.holder).where(t.leases.c.directory == directory)
    row = connection.execute(wanted.with_for_update(read=True)).first()
    if row is None or row.epoch != epoch:
        raise LeaseLostError(f"{row.holder if row else 'nobody'} has the lease of {directory!r} now", directory=directory)


def _myself() -> str:
    return f"{socket.gethostname()} process {os.getpid()}"


# ---------------------------------------------------------------- SQLite
@contextmanager
def _locked_file(path: Path, directory: str) -> Iterator[None]:
    # never inherited by programs that this process starts: they would keep the lease after its death
    descriptor = _open(path, os.O_RDWR | os.O_CREAT)
    try:
        if not _lock(descriptor):
            raise _held(directory, _holder(descriptor))
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock the file for this process alone. Who only looks whether it is free has it for a moment, but not alone: such ones do
    not count as holders."""
    deadline = time.monotonic() + LOOKING_SECONDS
    while time.monotonic() < deadline:
        if _locks(descriptor, fcntl.LOCK_EX):
            return True
        if not _locks(descriptor, fcntl.LOCK_SH):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(random.random() / 1000)  # noqa: S311 - so that it does not keep step with those who look
    return False


def _locks(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _file_is_free(path: Path) -> bool:
    if not path.exists():
        return True
    descriptor = _open(path, os.O_RDONLY)
    try:
        return _locks(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
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
# the row of the lock in pg_locks, which shows the locks of all databases of the server
_LOCK = (
    "FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS activity USING (pid) "
    "WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1 "
    "AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND lock.classid::bigint = :high AND lock.objid::bigint = :low"
)


@contextmanager
def _advisory_lock(engine: Engine, directory: str) -> Iterator[Connection]:
    """Gives the connection that has the lock, each statement of which is a transaction."""
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
            connection.exec_driver_sql(f"SET lock_timeout = {int(FENCE_SECONDS * 1000)}")
        yield connection
    finally:
        # the lock ends with its session, and that with a detached connection, but a moment later: the next holder may be quick
        with suppress(SQLAlchemyError):
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.close()


def _key(directory: str) -> int:
    """64 bits, signed, that no other program hits by chance: advisory locks have numbers, not names."""
    digest = hashlib.sha256(f"syncd lease {directory}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _halves(key: int) -> dict[str, int]:
    """The key as pg_locks shows it."""
    return {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


def _session(connection: Connection, key: int) -> str:
    """Who holds the lock, as far as this account may see it."""
    row = connection.execute(text(f"SELECT pid, host(activity.client_addr) {_LOCK}"), _halves(key)).first()
    if row is None:
        return "another process"
    return f"another process (database session {row[0]}{f' from {row[1]}' if row[1] else ''})"


def _held(directory: str, holder: str) -> LeaseHeldError:
    return LeaseHeldError(f"{holder} is syncing {directory!r} at this moment", directory=directory)
