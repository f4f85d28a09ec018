"""How the store is opened, and how everybody works with it.

Everybody works through `read` and `write`: short transactions on a connection of their own. SQLite has one writer at a
time, so a writing transaction says so at its beginning (BEGIN IMMEDIATE) and waits its turn; a deferred one that turned
writer halfway would be refused with "database is locked" without any waiting.

On PostgreSQL a writing transaction takes its turn by a lock as well: so the numbers of audit events are in the order of their
commits, and whoever follows them by number misses none (syncd.services.events).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, create_engine, event, make_url
from sqlalchemy import Engine as Engine  # noqa: PLC0414 - the name under which bootstrap knows it
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from syncd.errors import ConfigurationError, DatabaseUnavailableError
from syncd.settings.root import StoreSettings
from syncd.store.failures import BUSY_SECONDS, errors_translated
from syncd.store.turns import Turns
from syncd.store.types import to_json

__all__ = ["WRITING", "errors_translated", "on_write", "open_engine", "ping", "read", "write"]

# SQLite connections kept open: the last one to close would write the whole journal back into the file
POOLED = 5
# PostgreSQL: seconds for the TCP connection and the login
CONNECT_SECONDS = 10
# PostgreSQL: the server notices within idle + interval * count seconds that our machine is gone, and ends what we had begun
KEEPALIVE = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 4}
# One writer of audit events at a time. A writer that freezes inside its transaction must not keep the others out for good: the
# server ends it after this many milliseconds.
_FROZEN = 60_000
_TURN = 0x73796E63  # "sync"
_TAKE_TURN = f"SELECT set_config('idle_in_transaction_session_timeout', '{_FROZEN}', true), pg_advisory_xact_lock({_TURN})"
# execution option of a transaction that writes, seen by the SQLite begin hook
WRITING = "syncd_writing"
# SQLite: whose turn it is in this process
_turns: WeakKeyDictionary[Engine, Turns] = WeakKeyDictionary()
# whom to tell of what was written
_heard: WeakKeyDictionary[Engine, list[Callable[[], None]]] = WeakKeyDictionary()


def open_engine(settings: StoreSettings) -> Engine:
    """An engine for the configured database; nothing is connected yet. Close it with `engine.dispose()`.

    Raises ConfigurationError for a URL that is neither sqlite:// nor postgresql://, DatabaseUnavailableError when the
    folder of an SQLite database does not exist.
    """
    url = _parsed(settings.url)
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    if settings.password is not None:
        url = url.set(password=settings.password.get_secret_value())
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=settings.pool_size,
        # the pool grows in a rush and shrinks again: nobody waits for a connection while the database has some
        max_overflow=settings.pool_size,
        pool_pre_ping=True,
        json_serializer=to_json,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "syncd"},
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _entry: ConnectionPoolEntry) -> None:
    """Settings of the session; not sent as start options, which poolers refuse."""
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in KEEPALIVE.items())
    connection.execute(f"SELECT {settings}")
    connection.commit()


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ConfigurationError("store.url is not a database URL: write sqlite:////ABSOLUTE/PATH") from error
    if backend not in ("sqlite", "postgresql"):
        raise ConfigurationError(f"store.url names a {backend} database: syncd works with sqlite and postgresql")
    return url


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("store.url needs the path of a file: sqlite:////ABSOLUTE/PATH")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise DatabaseUnavailableError(
            f"the folder of the database does not exist: {folder}",
            advice=f"Make the folder {folder}, owned by the user that runs syncd, or change `store.url`.",
        )
    # it holds personal data: its owner's alone, and SQLite gives the files beside it the same mode
    with suppress(OSError):
        Path(url.database).touch(mode=0o600)
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        pool_size=POOLED,
        json_serializer=to_json,
        # no transaction that sqlite3 begins by itself: ours begin in _begin_sqlite
        connect_args={"isolation_level": None, "timeout": BUSY_SECONDS},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in (
        f"busy_timeout = {int(BUSY_SECONDS * 1000)}",
        # a crash leaves the file whole; a power cut may take the last transactions with it, and the next run does them again
        "synchronous = NORMAL",
        "foreign_keys = ON",
        # KiB, negative: the pages of one large import stay in memory
        "cache_size = -65536",
        # pages: a long import puts its rows into the file every 80 MB, not after each transaction
        "wal_autocheckpoint = 20000",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    _switch_to_wal(connection)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Readers and the writer do not wait for each other; the file remembers, so that this happens once in its life.

    SQLite refuses the switch at once, without waiting, when somebody else opens the new file at the same moment.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get(WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database and writes nothing. Raises StoreError."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True} if engine.name == "postgresql" else {}
    with errors_translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def write(engine: Engine, *, ordered: bool = True) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back on any exception. Raises StoreError.

    `ordered=False`: it writes no audit events, so on PostgreSQL it need not wait for those that do.
    """
    options = {WRITING: True}
    turn = _turns.setdefault(engine, Turns()).take(timeout=BUSY_SECONDS) if engine.name == "sqlite" else nullcontext()
    with turn, errors_translated(), engine.connect().execution_options(**options) as connection, connection.begin():
        if ordered and engine.name == "postgresql":
            connection.exec_driver_sql(_TAKE_TURN)
        yield connection
    if ordered:
        for heard in tuple(_heard.get(engine, ())):
            heard()


def on_write(engine: Engine, heard: Callable[[], None]) -> Callable[[], None]:
    """Have `heard` called, in whatever thread, whenever this process has written what may be audit events; what to call to end
    that."""
    _heard.setdefault(engine, []).append(heard)

    def forget() -> None:
        _heard[engine].remove(heard)

    return forget


def ping(engine: Engine) -> None:
    """One round trip to the database. Raises StoreError."""
    with read(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
