"""Fixtures: an empty, migrated database per test, on SQLite and on PostgreSQL.

The migrations run once per session and database; each test gets a copy. `store_url` and `engine` run a test twice, once on
each; a test that needs one of them asks for `sqlite_url` or `postgres_url`.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from syncd.model.checks import CheckStatus
from syncd.settings.root import StoreSettings
from syncd.store import migrate
from syncd.store.engine import open_engine
from syncd.store.integrity import integrity
from syncd.store.snapshot import SqlSyncStore
from tests.contract.company import Company
from tests.servers.postgres import PostgresServer

BACKENDS = ("sqlite", "postgresql")
_numbers = itertools.count()


def migrated(url: str) -> None:
    """Bring the database to the schema of this version and let go of it."""
    engine = open_engine(StoreSettings(url=url))
    migrate.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the session, with a database `template_syncd` to copy."""
    server = PostgresServer()
    try:
        migrated(server.create("template_syncd"))
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrated(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty, migrated SQLite database."""
    path = shutil.copy(sqlite_template, tmp_path / "syncd.db")
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty, migrated PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    yield postgres.create(name, template="template_syncd")
    postgres.drop(name)


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database: the test runs once with each kind."""
    url: str = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    return url


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An engine on an empty, migrated database: the test runs once with each kind."""
    engine = open_engine(StoreSettings(url=store_url))
    yield engine
    engine.dispose()


@pytest.fixture
def company(engine: Engine) -> Iterator[Company]:
    """A directory `corp` with one organization, beside an empty store; the test runs on each kind of database.

    Whatever the test does, no rule of the store may be broken at its end.
    """
    yield Company(SqlSyncStore(engine))
    assert [line for line in integrity(engine) if line.status is CheckStatus.FAIL] == []
