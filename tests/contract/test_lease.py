"""Lease: one holder per directory, over threads and processes, and free again when the holder dies."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from syncd.errors import DatabaseUnavailableError, LeaseHeldError
from syncd.services.ports_runs import Lease
from syncd.settings.root import StoreSettings
from syncd.store.engine import open_engine
from syncd.store.lease import SqlLease
from tests.fakes.runs import MemoryLease
from tests.fakes.store_child import spawn
from tests.servers.postgres import PostgresServer

Child = subprocess.Popen[str]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def lease(request: pytest.FixtureRequest) -> Iterator[Lease]:
    if request.param == "memory":
        yield MemoryLease()
        return
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param])
    engine = open_engine(StoreSettings(url=url))
    yield SqlLease(engine)
    engine.dispose()


@pytest.fixture
def sql_lease(store_url: str) -> Iterator[SqlLease]:
    engine = open_engine(StoreSettings(url=store_url))
    yield SqlLease(engine)
    engine.dispose()


@pytest.fixture
def holder(store_url: str) -> Iterator[Child]:
    """Another process that holds the lease of `corp`."""
    child = spawn("hold", store_url, "corp")
    assert line_of(child) == "held"
    yield child
    child.kill()
    child.communicate()


def line_of(child: Child) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def acquire(lease: Lease, directory: str, *, within: float) -> float:
    """Seconds until the lease could be had."""
    begun = time.monotonic()
    while True:
        try:
            with lease.hold(directory):
                return time.monotonic() - begun
        except LeaseHeldError:
            if time.monotonic() - begun > within:
                raise
            time.sleep(0.01)


def wait_until(done: Callable[[], bool], *, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# ---------------------------------------------------------------- one process
def test_a_second_holder_is_refused_at_once_and_told_what_is_held(lease: Lease) -> None:
    with lease.hold("corp"):
        begun = time.monotonic()
        with pytest.raises(LeaseHeldError, match="'corp'") as caught, lease.hold("corp"):
            pass
        assert time.monotonic() - begun < 5
    assert caught.value.retryable
    assert caught.value.hint


def test_the_lease_can_be_had_again_after_its_end_and_after_an_error_inside(lease: Lease) -> None:
    with pytest.raises(ZeroDivisionError), lease.hold("corp"):
        _ = 1 // 0
    for _ in range(3):
        with lease.hold("corp"):
            pass


def test_a_refused_attempt_does_not_take_the_lease_from_its_holder(lease: Lease) -> None:
    with lease.hold("corp"):
        for _ in range(2):
            with pytest.raises(LeaseHeldError), lease.hold("corp"):
                pass


def test_leases_of_different_directories_are_independent(lease: Lease) -> None:
    with lease.hold("corp"), lease.hold("branch"), lease.hold("../odd name"):
        pass


def test_of_many_threads_one_holds_the_lease_at_a_time(lease: Lease) -> None:
    inside = 0
    most = 0
    held = 0
    together = threading.Barrier(8)
    count = threading.Lock()

    def work() -> None:
        nonlocal inside, most, held
        together.wait()
        for _ in range(10):
            try:
                with lease.hold("corp"):
                    with count:
                        inside += 1
                        held += 1
                        most = max(most, inside)
                    with count:
                        inside -= 1
            except LeaseHeldError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert held >= 1


def test_each_holder_gets_a_larger_epoch_for_each_directory_by_itself(lease: Lease) -> None:
    epochs = []
    for _ in range(3):
        with lease.hold("corp") as epoch:
            epochs.append(epoch)
            with pytest.raises(LeaseHeldError), lease.hold("corp"):
                pass
    assert epochs == [1, 2, 3]
    with lease.hold("branch") as epoch:
        assert epoch == 1


def test_whether_a_lease_is_free_can_be_asked_without_taking_it(lease: Lease) -> None:
    assert lease.free("corp")
    with lease.hold("corp") as epoch:
        assert not lease.free("corp")
        assert not lease.free("corp")
        assert lease.free("branch")
    assert lease.free("corp")
    with lease.hold("corp") as next_epoch:
        assert next_epoch == epoch + 1


def test_who_asks_whether_a_lease_is_free_turns_nobody_away(lease: Lease) -> None:
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            lease.free("corp")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for expected in range(1, 101):
            with lease.hold("corp") as epoch:
                assert epoch == expected
    finally:
        over.set()
        for thread in threads:
            thread.join()


# ---------------------------------------------------------------- several processes
def test_another_process_is_refused_while_one_holds_the_lease(holder: Child, sql_lease: SqlLease, store_url: str) -> None:
    with pytest.raises(LeaseHeldError, match="process"), sql_lease.hold("corp"):
        pass
    third = spawn("hold", store_url, "corp")
    assert line_of(third).startswith("refused: ")
    third.communicate(timeout=30)
    assert third.returncode == 0
    with sql_lease.hold("branch"):
        assert holder.poll() is None


def test_a_lease_ends_with_an_orderly_end_of_its_process(holder: Child, sql_lease: SqlLease) -> None:
    holder.communicate(timeout=30)
    with sql_lease.hold("corp"):
        pass


def test_a_killed_holder_leaves_nothing_behind(holder: Child, sql_lease: SqlLease) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    acquire(sql_lease, "corp", within=30)


def test_the_holder_of_a_file_is_named(sqlite_url: str) -> None:
    child = spawn("hold", sqlite_url, "corp")
    engine = open_engine(StoreSettings(url=sqlite_url))
    try:
        assert line_of(child) == "held"
        with pytest.raises(LeaseHeldError, match=f"process {child.pid} is syncing 'corp'"), SqlLease(engine).hold("corp"):
            pass
    finally:
        child.communicate(timeout=30)
        engine.dispose()


def test_a_lease_of_another_process_is_not_free_until_that_process_is_dead(holder: Child, sql_lease: SqlLease) -> None:
    assert not sql_lease.free("corp")
    assert sql_lease.free("branch")
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    wait_until(lambda: sql_lease.free("corp"))


# ---------------------------------------------------------------- each database
def test_asking_makes_no_lease_file(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    assert SqlLease(engine).free("corp")
    assert list(tmp_path.glob("*.lease.*")) == []
    engine.dispose()


def test_a_lease_in_another_database_of_the_same_server_is_another_one(postgres: PostgresServer, postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url))
    elsewhere = open_engine(StoreSettings(url=postgres.create("another_database", template="template_syncd")))
    with SqlLease(elsewhere).hold("corp"):
        assert SqlLease(engine).free("corp")
        with SqlLease(engine).hold("corp") as epoch:
            assert epoch == 1
    engine.dispose()
    elsewhere.dispose()
    postgres.drop("another_database")


def test_the_lease_file_lies_beside_the_database_for_its_owner_alone(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(StoreSettings(url=sqlite_url))
    with SqlLease(engine).hold("corp"):
        assert (tmp_path / "syncd.db.lease.corp").stat().st_mode & 0o777 == 0o600
    engine.dispose()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "syncd.db.lease.corp").mkdir()
    engine = open_engine(StoreSettings(url=f"sqlite:///{tmp_path}/syncd.db"))
    with pytest.raises(DatabaseUnavailableError, match="lease file"), SqlLease(engine).hold("corp"):
        pass
    engine.dispose()


def test_leases_on_postgresql_use_up_no_pool_and_leave_no_session(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url, pool_size=1))
    lease = SqlLease(engine)
    sessions = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    with ExitStack() as stack:
        for number in range(6):
            stack.enter_context(lease.hold(f"directory{number}"))
        with engine.connect() as connection:
            assert connection.execute(sessions).scalar() == 6
    # a transaction of its own for each look: inside one, PostgreSQL shows the same picture of its sessions again and again
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        wait_until_gone = time.monotonic() + 30
        while connection.execute(sessions).scalar() and time.monotonic() < wait_until_gone:
            time.sleep(0.01)
        assert connection.execute(sessions).scalar() == 0
    engine.dispose()


def test_a_server_that_is_gone_is_unavailable_and_not_held(postgres_url: str) -> None:
    engine = open_engine(StoreSettings(url=postgres_url.replace("127.0.0.1", "127.0.0.9").replace("postgres@", "nobody@")))
    with pytest.raises(DatabaseUnavailableError), SqlLease(engine).hold("corp"):
        pass
    engine.dispose()
