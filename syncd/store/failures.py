"""How the errors of SQLAlchemy and the drivers become ours.

What a statement was and which values it had is left out of every message: values may be secret, and an operator needs to
know what to do about the database, not what we said to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.errors import DatabaseFullError, DatabaseUnavailableError, SchemaOutdatedError, StoreError
from syncd.redaction import forget_locals

# seconds that a SQLite writer waits for its turn; our own transactions last well below one
BUSY_SECONDS = 30

# SQLSTATE classes and codes (PostgreSQL manual, appendix A)
_UNAVAILABLE_STATES = ("08", "28", "3D", "53300", "57P", "55P03", "40")
_FULL_STATES = ("53100",)
_NO_SUCH_TABLE_OR_COLUMN = ("42P01", "42703")
_INTEGRITY_STATES = ("23",)


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turns what SQLAlchemy and the drivers raise into the classes of syncd.errors, with the cause chained."""
    try:
        yield
    except SQLAlchemyError as error:
        forget_locals(error)
        raise translated(error) from error


def translated(error: SQLAlchemyError) -> StoreError:
    """The StoreError that says what this library error means."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        found = translated_driver_error(error.orig, lost=error.connection_invalidated)
        if found is not None:
            return found
    return StoreError(f"the database could not do it: {type(error).__name__}")


def translated_driver_error(error: BaseException, *, lost: bool = False) -> StoreError | None:
    """The same for what a driver raised; None when it is not a driver's error. `lost`: the connection is known to be gone."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    # by its module: SQLite sites never load psycopg, which takes as long as everything else
    if type(error).__module__.startswith("psycopg") and hasattr(error, "sqlstate"):
        return _of_postgresql(error, lost=lost)
    return None


def _of_sqlite(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = str(error)
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFullError()
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseUnavailableError(
            f"another process kept the database for more than {BUSY_SECONDS} seconds",
            advice="Look for a backup or another program that holds the SQLite file open with a lock.",
        )
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        return DatabaseUnavailableError(
            f"the database file cannot be used: {text}",
            advice="Check that the file and its folder may be written by the user that runs syncd.",
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreError(f"the database file is damaged: {text}", advice="Restore the file from a backup.")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return _clash(text)
    if text.startswith(("no such table", "no such column")):
        return SchemaOutdatedError(f"the database schema is not the one this version needs: {text}")
    return StoreError(f"the database refused: {text}")


def _of_postgresql(error: BaseException, *, lost: bool) -> StoreError:
    state: str | None = getattr(error, "sqlstate", None)
    diagnosis: Any = getattr(error, "diag", None)
    # without the detail line, which shows values
    told = (getattr(diagnosis, "message_primary", None) or str(error)).strip()
    text = told.splitlines()[0] if told else "no reason given"
    if state is None or lost:
        return DatabaseUnavailableError(f"the database is not reachable: {text}")
    if state.startswith(_FULL_STATES):
        return DatabaseFullError()
    if state.startswith(_NO_SUCH_TABLE_OR_COLUMN):
        return SchemaOutdatedError(f"the database schema is not the one this version needs: {text}")
    if state.startswith(_INTEGRITY_STATES):
        return _clash(text)
    if state.startswith(_UNAVAILABLE_STATES):
        return DatabaseUnavailableError(f"the database is not available: {text}")
    return StoreError(f"the database refused: {text}")


def _clash(text: str) -> StoreError:
    return StoreError(
        f"the database refused a row: {text}",
        advice="If someone else wrote the same name at this moment, the next run settles it; otherwise report this as a fault.",
    )
