"""Opening a database, transactions, and errors in our own words; real files and a real PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, event, text

from syncd.errors import (
    ConfigurationError,
    DatabaseFullError,
    DatabaseUnavailableError,
    SchemaOutdatedError,
    StoreError,
    SyncdError,
)
from syncd.settings.root import StoreSettings
from syncd.store import schema as t
from syncd.store.engine import open_engine, ping, read, write
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import START, Company, person
from tests.servers.postgres import PostgresServer


def failure(url: str, **options: object) -> SyncdError:
    """The error of opening and asking a database; the settings' own checks are not what is tested here."""

    def ask() -> None:
        engine = open_engine(StoreSettings.model_construct(url=url, **options))
        try:
            ping(engine)
        finally:
            engine.dispose()

    with pytest.raises(SyncdError) as caught:
        ask()
    return caught.value


# ---------------------------------------------------------------- opening
@pytest.mark.parametrize("url", ["nonsense", "mysql://u@h/d", "oracle://h", "sqlite://", "sqlite:///:memory:", ""])
def test_only_files_and_postgresql_are_databases(url: str) -> None:
    assert isinstance(failure(url), ConfigurationError)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = failure(f"sqlite:///{tmp_path}/nowhere/syncd.db")
    assert isinstance(error, DatabaseUnavailableError)
    assert f"{tmp_path}/nowhere" in str(error)
    assert "Make the folder" in error.hint


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    path.write_bytes(b"this is not a database at all" * 100)
    assert "damaged" in str(failure(f"sqlite:///{path}"))


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "syncd.db").mkdir()
    assert isinstance(failure(f"sqlite:///{tmp_path}/syncd.db"), DatabaseUnavailableError)


def test_nobody_listens(postgres: PostgresServer) -> None:
    error = failure("postgresql://postgres@127.0.0.1:1/syncd")
    assert isinstance(error, DatabaseUnavailableError)
    assert error.retryable
    assert isinstance(failure(postgres.url("nowhere")), DatabaseUnavailableError)


def test_the_password_is_used_and_never_shown(postgres: PostgresServer) -> None:
    engine = open_engine(StoreSettings(url=postgres.url("postgres"), password=SecretStr("very-secret")))
    ping(engine)
    assert engine.url.password == "very-secret"
    assert "very-secret" not in repr(engine) + str(engine.url)
    engine.dispose()
    assert "very-secret" not in str(failure("postgresql://u@127.0.0.1:1/d", password=SecretStr("very-secret")))


def test_any_driver_name_becomes_ours(postgres: PostgresServer) -> None:
    engine = open_engine(StoreSettings(url=postgres.url("postgres").replace("postgresql:", "postgresql+asyncpg:")))
    ping(engine)
    assert engine.driver == "psycopg"
    engine.dispose()


def test_sqlite_is_set_up_for_several_processes(sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    with read(engine) as connection:
        values = {
            n: connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1}
    engine.dispose()


# ---------------------------------------------------------------- transactions
def add_group(engine: Engine, name: str) -> None:
    with write(engine) as connection:
        connection.execute(t.groups.insert().values(name=name, name_key=name, created_at=START))


def groups(engine: Engine) -> list[str]:
    with read(engine) as connection:
        return sorted(connection.scalars(t.groups.select().with_only_columns(t.groups.c.name)))


def test_an_exception_undoes_the_transaction(engine: Engine) -> None:
    def fail() -> None:
        with write(engine) as connection:
            connection.execute(t.groups.insert().values(name="a", name_key="a", created_at=START))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError):
        fail()
    assert groups(engine) == []
    add_group(engine, "b")
    assert groups(engine) == ["b"]


def test_a_reader_sees_one_state_while_others_write(engine: Engine) -> None:
    add_group(engine, "a")
    with read(engine) as connection:
        first = connection.execute(t.groups.select()).all()
        add_group(engine, "b")
        assert connection.execute(t.groups.select()).all() == first
    assert groups(engine) == ["a", "b"]


def test_writers_wait_for_each_other_and_none_is_refused(engine: Engine) -> None:
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for number in range(10):
                with write(engine) as connection:
                    connection.execute(t.groups.select()).all()
                    name = f"{worker}-{number}"
                    connection.execute(t.groups.insert().values(name=name, name_key=name, created_at=START))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(groups(engine)) == 40


def test_postgresql_refuses_to_write_in_a_reading_transaction(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))

    def write_while_reading() -> None:
        with read(engine) as connection:
            connection.execute(t.groups.insert().values(name="a", name_key="a", created_at=START))

    with pytest.raises(StoreError, match="read-only"):
        write_while_reading()
    add_group(engine, "the connection is back to normal")
    engine.dispose()


# ---------------------------------------------------------------- errors
def test_a_database_without_tables_says_what_to_do(tmp_path: Path, postgres: PostgresServer) -> None:
    for url in (f"sqlite:///{tmp_path}/empty.db", postgres.url("postgres")):
        engine = open_engine(StoreSettings(url=url))
        with pytest.raises(SchemaOutdatedError) as caught:
            groups(engine)
        assert "db upgrade" in caught.value.hint
        engine.dispose()


def test_a_full_disk_is_named_and_the_store_stays_whole(sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    company = Company(SqlSyncStore(engine))
    company.add(*(person(f"p{i}") for i in range(50)))
    company.sync()
    with read(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    engine.dispose()

    def limit(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "connect", limit)
    company.add(*(person(f"q{i}", title="t" * 500) for i in range(2000)))
    with pytest.raises(DatabaseFullError):
        company.sync()
    assert len(company.store.identities("corp")) == 50
    event.remove(engine, "connect", limit)
    engine.dispose()
    company.sync()
    assert company.plan().is_empty
    engine.dispose()


def test_a_file_that_may_not_be_written(sqlite_url: str) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    event.listen(engine, "connect", lambda connection, _entry: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(DatabaseUnavailableError, match="cannot be used"):
        add_group(engine, "a")
    engine.dispose()


def test_a_writer_that_waits_too_long_says_so(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.store.engine.BUSY_SECONDS", 0.05)
    engine = open_engine(StoreSettings(url=sqlite_url))
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailableError, match="another process"):
        add_group(engine, "a")
    other.execute("ROLLBACK")
    other.close()
    add_group(engine, "b")
    assert groups(engine) == ["b"]
    engine.dispose()


def test_a_server_that_ends_the_session_is_unavailable_and_comes_back(postgres_url: str, postgres: PostgresServer) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))

    def ended() -> None:
        with write(engine) as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            other = open_engine(StoreSettings(url=postgres.url("postgres")))
            with write(other) as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            other.dispose()
            connection.execute(t.groups.select())

    with pytest.raises(DatabaseUnavailableError) as caught:
        ended()
    assert caught.value.retryable
    ping(engine)
    engine.dispose()


def test_messages_hold_no_statement_and_no_value(engine: Engine) -> None:
    add_group(engine, "secret-value")
    with pytest.raises(StoreError) as caught:
        add_group(engine, "secret-value")
    assert "secret-value" not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    assert caught.value.__cause__ is not None
