"""Backups: whole, private, never over another file; and the advice for PostgreSQL."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from syncd.errors import StoreError, UsageError
from syncd.settings.root import StoreSettings
from syncd.store.backup import backup, pg_dump
from syncd.store.engine import open_engine
from syncd.store.integrity import integrity
from syncd.store.queries import Queries
from tests.fakes.people_rows import Rows


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Engine]:
    engine = open_engine(StoreSettings(url=sqlite_url))
    yield engine
    engine.dispose()


def test_a_backup_holds_everything_and_can_be_used_as_it_is(sqlite_engine: Engine, tmp_path: Path) -> None:
    ids = [Rows(sqlite_engine).user(f"u{number}", manual=True) for number in range(50)]
    copy = tmp_path / "odd name's.db"
    size = backup(sqlite_engine, copy)
    assert size == copy.stat().st_size > 0
    restored = open_engine(StoreSettings(url=f"sqlite:///{copy}"))
    assert [person.id for person in Queries(restored).iter_people()] == ids
    assert [line for line in integrity(restored) if line.status != "pass"] == []
    restored.dispose()


def test_a_backup_is_its_owners_alone_and_leaves_nothing_beside_it(sqlite_engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    backup(sqlite_engine, folder / "copy.db")
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["copy.db"]


def test_an_existing_file_is_never_overwritten(sqlite_engine: Engine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    empty = tmp_path / "empty"
    empty.touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (other, empty, link):
        with pytest.raises(UsageError, match="exists"):
            backup(sqlite_engine, path)
    assert other.read_text() == "precious"
    assert empty.stat().st_size == 0
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_said(sqlite_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        backup(sqlite_engine, tmp_path / "nowhere" / "copy.db")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        backup(sqlite_engine, tmp_path / "file" / "copy.db")


def test_a_copy_that_fails_leaves_no_file(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"not a database at all, but long enough to be taken for one" * 100)
    engine = open_engine(StoreSettings(url=f"sqlite:///{damaged}"))
    with pytest.raises(StoreError):
        backup(engine, tmp_path / "copy.db")
    engine.dispose()
    assert not (tmp_path / "copy.db").exists()


def test_writers_go_on_while_a_backup_is_made_and_it_holds_one_state(sqlite_engine: Engine, tmp_path: Path) -> None:
    rows = Rows(sqlite_engine)
    stop = threading.Event()
    begun, written = threading.Event(), list[int]()

    def write() -> None:
        while not stop.is_set():
            number = len(written)
            written.append(rows.user(f"w{number}", tags=["x"]))
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        sizes = [backup(sqlite_engine, tmp_path / f"copy{number}.db") for number in range(5)]
    finally:
        stop.set()
        writer.join()
    assert len(sizes) == 5
    counts = []
    for number in range(5):
        with sqlite3.connect(tmp_path / f"copy{number}.db") as copy:
            counts.append(copy.execute("SELECT count(*) FROM users").fetchone()[0])
        copy.close()
    assert counts == sorted(counts)


def test_postgresql_is_backed_up_with_its_own_tool(postgres_url: str, tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    with pytest.raises(UsageError, match="PostgreSQL") as caught:
        backup(engine, tmp_path / "copy.dump")
    engine.dispose()
    assert "pg_dump" in caught.value.hint
    assert not (tmp_path / "copy.dump").exists()


def test_the_command_that_is_advised_works(postgres_url: str, tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    Rows(engine).user("ana")
    target = tmp_path / "odd name's.dump"
    done = subprocess.run(shlex.split(pg_dump(engine, target)), check=False, capture_output=True, text=True)
    engine.dispose()
    assert (done.returncode, done.stderr) == (0, "")
    listed = subprocess.run(["pg_restore", "--list", str(target)], check=True, capture_output=True, text=True).stdout
    assert "TABLE DATA public users" in listed


def test_the_command_that_is_advised_holds_no_password(tmp_path: Path) -> None:
    url = make_url("postgresql://someone:hunter2@db.example.com:5433/syncd")
    engine = open_engine(StoreSettings(url=url.render_as_string(hide_password=False)))
    command = pg_dump(engine, tmp_path / "x")
    assert "hunter2" not in command
    assert "postgresql://someone@db.example.com:5433/syncd" in command
