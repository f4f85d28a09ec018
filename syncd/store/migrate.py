"""Bringing a database to the schema this version needs, and refusing to work on any other.

Migrations live in the package and run over a connection that we hand them, so that they obey the same settings, errors and
transaction as everything else. There is no alembic.ini: `syncd db upgrade` is the only way in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from syncd.errors import SchemaOutdatedError, StoreError
from syncd.store.engine import WRITING, read
from syncd.store.failures import errors_translated

MIGRATIONS = Path(__file__).with_name("migrations")
# any number, always the same: PostgreSQL's advisory locks are known by one
MIGRATION_LOCK = 7_964_233


def head() -> str:
    """The revision this version of syncd needs."""
    revision = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert revision is not None, "the package has no migrations"
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database is at; None for an empty one. Raises StoreError."""
    with read(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to the revision, in one transaction: it happens whole or not at all. Raises StoreError."""
    _make_private(engine)
    _refuse_newer(current(engine))
    with _migrating(engine) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to an earlier revision ("base": no tables). What the later one stored is lost."""
    with _migrating(engine) as connection:
        command.downgrade(_config(connection), revision)


def check(engine: Engine) -> None:
    """Raises SchemaOutdatedError, with what to do, unless the database is at `head()`; StoreError when it cannot be asked."""
    found = current(engine)
    if found == head():
        return
    _refuse_newer(found)
    raise SchemaOutdatedError(
        "the database is empty" if found is None else f"the database is at revision {found}, this version needs {head()}",
        advice="Run `syncd db upgrade`." if found is None else "",
    )


def _make_private(engine: Engine) -> None:
    """A new SQLite file is its owner's alone, for it holds personal data; its journal files take after it."""
    if engine.name == "sqlite" and engine.url.database:
        with suppress(OSError):
            os.close(os.open(engine.url.database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction to change tables in, one process at a time.

    SQLite's way of changing a table is to copy it and drop the old one, which with foreign keys on would delete what refers
    to it; the keys are off meanwhile, which only works before the transaction begins, and are checked at its end.
    """
    writing = engine.connect().execution_options(**{WRITING: True})
    with errors_translated(), writing as connection, _foreign_keys_off(connection), connection.begin():
        if engine.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        yield connection
        if engine.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise StoreError(f"the migration would leave a row of {broken[0]} without its {broken[2]}")


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    driver = connection.connection.driver_connection
    if connection.dialect.name != "sqlite" or driver is None:
        yield
        return
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _refuse_newer(found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaOutdatedError(
            f"the database is at revision {found}, which this version of syncd does not know",
            advice="It was made by a newer syncd: install that version, or restore a backup made before the upgrade.",
        )


def _config(connection: Connection) -> Config:
    config = Config()
    # Alembic's configuration treats % as a placeholder
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
