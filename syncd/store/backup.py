"""A copy of the database that can be put back.

The copy of an SQLite database is made by SQLite itself: one state of it, without its journal and free pages, while syncd goes
on writing. Copying the file would miss what is still in the journal. PostgreSQL brings its own tool.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Engine

from syncd.errors import DatabaseUnavailableError, StoreError, UsageError
from syncd.store.failures import translated_driver_error


def backup(engine: Engine, path: Path) -> int:
    """Write a copy of the SQLite database to a new file, which only its owner may read; its size in bytes.

    The copy is checked and on the disk when this returns; when it raises, there is no file. Raises UsageError when the file
    exists, its folder does not, or the database is PostgreSQL; StoreError when the copy cannot be made.
    """
    if engine.name == "postgresql":
        raise UsageError("syncd does not back up PostgreSQL databases itself", advice=f"Use `{pg_dump(engine, path)}`.")
    _reserve(path)
    try:
        _copy(engine, path)
        _check(path)
        _flush(path)
    except sqlite3.Error as error:
        path.unlink(missing_ok=True)
        raise translated_driver_error(error) or StoreError() from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path.stat().st_size


def pg_dump(engine: Engine, path: Path) -> str:
    """The command that backs up a PostgreSQL database; the password is left to ~/.pgpass or PGPASSWORD."""
    url = engine.url.set(drivername="postgresql")
    url = url._replace(password=None)
    return shlex.join(["pg_dump", "--format=custom", f"--file={path}", f"--dbname={url.render_as_string()}"])


def _reserve(path: Path) -> None:
    """Make the file, empty and for its owner alone, before anything secret is in it. Fails when there is one."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        raise UsageError(f"{path} exists", advice="Name a new file; backups are never overwritten.") from None
    except FileNotFoundError:
        raise UsageError(f"the folder {path.absolute().parent} does not exist") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _copy(engine: Engine, path: Path) -> None:
    # VACUUM INTO takes an empty file, and no transaction around it
    with closing(engine.raw_connection()) as connection:
        driver = connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.execute("VACUUM INTO ?", (str(path),)).close()


def _check(path: Path) -> None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as copy:
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"the copy is not whole: {found}", advice="Look at `syncd db check` and at the disk.")


def _flush(path: Path) -> None:
    """The file and its name survive a power cut from here on."""
    try:
        for name, flags in ((path, os.O_RDWR), (path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)):
            descriptor = os.open(name, flags | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    except OSError as error:
        raise DatabaseUnavailableError(f"the copy could not be brought to the disk: {error.strerror}") from error
