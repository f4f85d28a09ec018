"""Migrations: they make exactly the tables of this version, can be taken back, and are demanded."""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, select, text

from syncd.errors import SchemaOutdatedError
from syncd.settings.root import StoreSettings
from syncd.store import migrate, schema
from syncd.store.announce import strayed
from syncd.store.engine import open_engine, read, write
from tests.fakes.people_rows import NOON, Rows
from tests.servers.postgres import PostgresServer

# everything PostgreSQL knows of a schema, as text
POSTGRES_CATALOG = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name, is_identity,
              character_maximum_length
       FROM information_schema.columns WHERE table_schema = 'public'""",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"empty_{re.sub('[^a-z0-9]', '_', tmp_path.name.lower())}"
    yield server.create(name)
    server.drop(name)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(StoreSettings(url=empty_url))
    yield engine
    engine.dispose()


def catalog(engine: Engine) -> list[tuple[str, ...]]:
    """What the database itself says its schema is, without Alembic's own table."""
    with read(engine) as connection:
        if engine.name == "postgresql":
            found = [tuple(map(str, row)) for query in POSTGRES_CATALOG for row in connection.execute(text(query))]
        else:
            rows = connection.execute(text("SELECT type, name, tbl_name, sql FROM sqlite_master"))
            found = [(*map(str, row[:3]), *statement_parts(str(row[3]))) for row in rows]
    return sorted(row for row in found if "alembic_version" not in " ".join(row))


def statement_parts(statement: str) -> list[str]:
    """A CREATE statement as what stands between its outer brackets, part by part, and what stands around them. The columns and
    constraints of a table may stand in any order, and ALTER TABLE leaves no line breaks."""
    parts, depth, head = [""], 0, ""
    for sign in " ".join(statement.split()):
        depth -= sign == ")"
        if depth == 0:
            head += sign
        elif depth == 1 and sign == ",":
            parts.append("")
        else:
            parts[-1] += sign
        depth += sign == "("
    return [head, *sorted(part.strip() for part in parts)]


def test_the_migrations_make_exactly_the_tables_of_this_version(empty: Engine) -> None:
    migrate.upgrade(empty)
    migrated = catalog(empty)
    migrate.downgrade(empty, "base")
    assert [name for name in inspect(empty).get_table_names() if name != "alembic_version"] == []
    with write(empty) as connection:
        schema.metadata.create_all(connection)
    assert catalog(empty) == migrated


def test_alembic_finds_no_difference_either(empty: Engine) -> None:
    migrate.upgrade(empty)
    with read(empty) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_up_down_and_up_again(empty: Engine) -> None:
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    first = catalog(empty)
    assert migrate.current(empty) == migrate.head()
    migrate.upgrade(empty)
    migrate.downgrade(empty, "base")
    assert migrate.current(empty) is None
    migrate.upgrade(empty)
    assert catalog(empty) == first


def test_a_store_of_the_first_version_keeps_its_runs_and_its_numbers(empty: Engine) -> None:
    migrate.upgrade(empty)
    whole = catalog(empty)
    run = {"directory": "corp", "mode": "full", "trigger": "api", "outcome": "failed"}
    run |= {"requested_at": datetime(2026, 3, 1, tzinfo=UTC)}
    with write(empty) as connection:
        connection.execute(schema.runs.insert(), [run, run])
        connection.execute(schema.runs.delete().where(schema.runs.c.id == 2))
    migrate.downgrade(empty, "0001")
    assert {"held_plans", "leases"}.isdisjoint(inspect(empty).get_table_names())
    assert {"verdict", "plan_id"}.isdisjoint(column["name"] for column in inspect(empty).get_columns("runs"))
    migrate.upgrade(empty)
    assert catalog(empty) == whole
    with write(empty) as connection:
        connection.execute(schema.runs.insert(), [run])
        assert connection.execute(select(schema.runs.c.id, schema.runs.c.verdict)).all() == [(1, None), (3, None)]


def test_who_could_log_in_before_can_be_told_of_afterwards(empty: Engine) -> None:
    """An upgrade tells of nobody, but knows who has access, so that the first who loses it is told of."""
    migrate.upgrade(empty)
    make = Rows(empty)
    on, off, corp = make.organization("On"), make.organization("Off", enabled=False), make.directory()
    places = {on: make.unit(on, "Main"), off: make.unit(off, "Main")}
    states: list[dict[str, Any]] = [{}, {"enabled": False}, {"auth_status": "locked"}, {"manual": True}]
    entries: list[dict[str, Any]] = [
        {},
        {"account_disabled": True},
        {"missing_since": NOON},
        {"account_expires_at": NOON},
        {"account_valid_from": NOON},
        {"account_password_must_change": True},
    ]
    for number, (state, entry, place) in enumerate(product(states, entries, (on, off, None))):
        user = make.user(f"u{number}", **state)
        make.identity(user, corp, f"uid=u{number}", **entry)
        if place is not None:
            make.access(user, place, places[place] if number % 4 else None)
    migrate.downgrade(empty, "0003")
    migrate.upgrade(empty)
    with read(empty) as connection:
        assert strayed(connection, now=datetime.now(UTC)) == []
        told = set(connection.scalars(select(schema.users.c.has_access)))
        assert told == {True, False}
        assert connection.scalars(select(schema.audit_events.c.id)).all() == []


def test_check_demands_the_schema_of_this_version(empty: Engine) -> None:
    with pytest.raises(SchemaOutdatedError, match="empty") as caught:
        migrate.check(empty)
    assert "db upgrade" in caught.value.hint
    migrate.upgrade(empty)
    migrate.check(empty)
    with write(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdatedError, match="does not know"):
        migrate.check(empty)
    with pytest.raises(SchemaOutdatedError, match="does not know"):
        migrate.upgrade(empty)


def test_two_processes_may_upgrade_at_once(empty_url: str) -> None:
    failures: list[BaseException] = []

    def upgrade() -> None:
        engine = open_engine(StoreSettings(url=empty_url))
        try:
            migrate.upgrade(engine)
        except BaseException as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_migration_that_fails_leaves_nothing_behind(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("alembic.operations.Operations.create_index", fail)
    with pytest.raises(RuntimeError):
        migrate.upgrade(empty)
    monkeypatch.undo()
    assert inspect(empty).get_table_names() == []
    migrate.upgrade(empty)
    migrate.check(empty)


def test_a_new_sqlite_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "private.db"
    engine = open_engine(StoreSettings(url=f"sqlite:///{path}"))
    migrate.upgrade(engine)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("private.db*")} == {0o600}
    engine.dispose()


def test_there_is_one_line_of_migrations() -> None:
    script = ScriptDirectory(str(migrate.MIGRATIONS))
    assert script.get_heads() == [migrate.head()]
    assert script.get_bases() == ["0001"]
